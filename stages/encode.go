package stages

import (
	"context"

	"github.com/pipe-ml/pipe/stages/artifact"
)

func init() {
	Register(Type{
		Name:    "encode",
		Version: 1,
		Doc: "Computes once what a diffusion model sees of images and captions: the latents of its autoencoder (their mean and deviation, so that " +
			"training can still sample them) and the embeddings of its text encoder.\n\n" +
			"finetune takes the result in place of data and tokens, and gives the same bits; every method, fraction and seed shares it. The empty " +
			"caption's embedding, for caption_dropout, is in it.",
		CPUs:   2,
		Memory: 2 << 30,
		New:    func() Stage { return &encode{} },
	})
}

type encode struct {
	computing

	Model   Input  `pipe:"model" kind:"model" doc:"The diffusion model that will be fine-tuned."`
	Data    Input  `pipe:"data" kind:"images" doc:"Preprocessed images."`
	Tokens  Input  `pipe:"tokens" kind:"tokens" doc:"Their captions, tokenized with the model's vocabulary."`
	Latents Output `pipe:"latents" kind:"latents" doc:"Latents, embeddings and what is known of the images."`
}

func (s *encode) Run(ctx context.Context, r Reporter) error {
	pairs, err := readPairs(s.Data.Path, s.Tokens.Path)
	if err != nil {
		return err
	}
	d, err := artifact.ReadDiffusion(s.Model.Path, 0)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := pairs.fits(d, s.Tokens.Path); err != nil {
		return err
	}
	out := &artifact.Latents{Records: pairs.images.Records, Order: pairs.images.Order}
	out.Info.Images = pairs.images.Info
	if out.Info.Codec, out.Info.Text, err = d.Digests(); err != nil {
		return err
	}
	k, side := d.Model.Codec.Latent(d.Model.Size)
	out.Info.Shape, out.Info.Hidden = []int{k, side, side}, []int{len(d.Model.Empty), d.Model.Text.HiddenSize}

	captions, at := [][]int32{d.Model.Empty}, map[string]int{key(d.Model.Empty): 0}
	for _, caption := range pairs.captions {
		row, ok := at[key(caption)]
		if !ok {
			row = len(captions)
			at[key(caption)], captions = row, append(captions, caption)
		}
		out.Info.Rows = append(out.Info.Rows, row)
	}
	dev, err := s.open(r)
	if err != nil {
		return err
	}
	defer dev.Close()
	if out.Embeddings, err = d.Model.EncodeText(ctx, dev, captions); err != nil {
		return err
	}
	for i := range pairs.images.Records {
		p, err := d.Model.Codec.Encode(ctx, dev, [][]float32{pairs.pixels([]int{i})}, d.Model.Size)
		if err != nil {
			return err
		}
		out.Posteriors = append(out.Posteriors, p...)
		r.Progress(i+1, len(pairs.images.Records), nil)
	}
	r.Metric("images", float64(len(out.Records)))
	r.Metric("captions", float64(len(captions)))
	return out.Write(string(s.Latents))
}

// key is a caption's tokens as a map's key.
func key(caption []int32) string {
	var b []byte
	for _, id := range caption {
		b = append(b, byte(id), byte(id>>8), byte(id>>16), byte(id>>24))
	}
	return string(b)
}
