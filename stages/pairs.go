package stages

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/nn/diffusion"
	"github.com/pipe-ml/pipe/stages/artifact"
)

// imagePairs are images with the tokens of their captions.
type imagePairs struct {
	images   *artifact.Images
	tokens   *artifact.Tokens
	captions [][]int32 // of each image

	encoded *artifact.Latents // in place of pixels and tokens
}

// readEncoded reads what encode made.
func readEncoded(latents string) (p imagePairs, err error) {
	if p.encoded, err = artifact.ReadLatents(latents); err == nil {
		p.images = p.encoded.Images()
	}
	return p, err
}

// fits refuses a model that has other images and captions. tokens is where the captions' tokens lie.
func (p imagePairs) fits(d *artifact.Diffusion, tokens string) error {
	if p.encoded != nil {
		codec, text, err := d.Digests()
		if err == nil && (codec != p.encoded.Info.Codec || text != p.encoded.Info.Text) {
			err = errors.New("the latents were made by another model's autoencoder or text encoder: encode them with the one that is fine-tuned")
		}
		return err
	}
	if err := d.SameTokenizer(tokens); err != nil {
		return err
	}
	if info := p.images.Info; info.Size != d.Info.Size || info.Channels != d.Info.Channels || p.tokens.MaxLength != d.Info.Captions {
		return fmt.Errorf("images of %d pixels and %d channels with captions of %d tokens; the model has %d, %d and %d",
			info.Size, info.Channels, p.tokens.MaxLength, d.Info.Size, d.Info.Channels, d.Info.Captions)
	}
	return nil
}

func readPairs(images, tokens string) (p imagePairs, err error) {
	if p.images, err = artifact.ReadImages(images); err != nil {
		return p, err
	}
	if p.tokens, err = artifact.ReadTokens(tokens); err != nil {
		return p, err
	}
	p.captions, err = captionRows(p.images, p.tokens)
	return p, err
}

// pixels are the images at index in [-1, 1], one after the other.
func (p imagePairs) pixels(index []int) []float32 {
	var out []float32
	for _, i := range index {
		for _, v := range p.images.Image(i) {
			out = append(out, float32(v)/127.5-1)
		}
	}
	return out
}

// fit trains m on the images at index; the validation split chooses the weights.
func (p imagePairs) fit(ctx context.Context, r Reporter, dev accel.Device, m *diffusion.Model, index []int, choices plan, how diffusing, seed uint64) error {
	if len(index) == 0 {
		return errors.New("no images to train on")
	}
	t := &diffusion.Trainer{
		Model: m, Tokens: p.captions, Train: index, Val: p.images.Split(artifact.Val), BatchSize: choices.batch,
		DropCaption: how.dropped(), SNRGamma: how.SNRGamma, Config: choices.config, Seed: seed, Progress: progress(r),
	}
	if e := p.encoded; e != nil {
		t.Latents, t.Empty = e.Posteriors, e.Embeddings[0]
		for _, row := range e.Info.Rows {
			t.Text = append(t.Text, e.Embeddings[row])
		}
	} else {
		var err error
		if t.Latents, err = p.latents(ctx, dev, m, slices.Concat(t.Train, t.Val)); err != nil {
			return err
		}
	}
	began := time.Now()
	res, err := t.Fit(ctx, dev)
	if err != nil {
		return err
	}
	reportRun(r, res, choices.images(), began)
	return nil
}

// latents encodes the images at index, which an autoencoder takes seconds for, and leaves the others' latents empty.
func (p imagePairs) latents(ctx context.Context, dev accel.Device, m *diffusion.Model, index []int) ([]diffusion.Posterior, error) {
	pixels := make([][]float32, len(index))
	for k, i := range index {
		pixels[k] = p.pixels([]int{i})
	}
	encoded, err := m.Codec.Encode(ctx, dev, pixels, m.Size)
	if err != nil {
		return nil, err
	}
	all := make([]diffusion.Posterior, len(p.images.Records))
	for k, i := range index {
		all[i] = encoded[k]
	}
	return all, nil
}

// captionRows finds the tokens of each image's caption.
func captionRows(images *artifact.Images, tokens *artifact.Tokens) ([][]int32, error) {
	at := make(map[string]int, len(tokens.Records))
	for i, rec := range tokens.Records {
		at[rec.ID] = i
	}
	rows := make([][]int32, len(images.Records))
	for i, rec := range images.Records {
		k, ok := at[rec.ID]
		if !ok {
			return nil, fmt.Errorf("image %s has no caption among the tokens", rec.ID)
		}
		rows[i] = tokens.Row(k)
	}
	return rows, nil
}
