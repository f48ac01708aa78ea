package stages

import (
	"context"
	"errors"
	"fmt"

	"github.com/pipe-ml/pipe/accel/cpu"
	"github.com/pipe-ml/pipe/nn/diffusion"
	"github.com/pipe-ml/pipe/stages/artifact"
)

// captionDrop is the share of captions that training replaces by the empty one.
const captionDrop = 0.1

// imagePairs are images with the tokens of their captions.
type imagePairs struct {
	images   *artifact.Images
	tokens   *artifact.Tokens
	captions [][]int32 // of each image
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
func (p imagePairs) fit(ctx context.Context, r Reporter, m *diffusion.Model, index []int, choices plan, seed uint64) error {
	if len(index) == 0 {
		return errors.New("no images to train on")
	}
	t := &diffusion.Trainer{
		Model: m, Tokens: p.captions, Train: index, Val: p.images.Split(artifact.Val), BatchSize: choices.batch,
		DropCaption: captionDrop, Optim: choices.optim, Config: choices.config, Seed: seed, Progress: progress(r),
	}
	pixels := make([][]float32, len(p.images.Records))
	for i := range pixels {
		pixels[i] = p.pixels([]int{i})
	}
	dev := cpu.New(0)
	defer dev.Close()
	var err error
	if t.Latents, err = m.Codec.Encode(ctx, dev, pixels, m.Size); err != nil {
		return err
	}
	res, err := t.Fit(ctx, dev)
	if err != nil {
		return err
	}
	reportRun(r, res)
	return nil
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
