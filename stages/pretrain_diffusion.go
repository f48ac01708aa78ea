package stages

import (
	"context"

	"github.com/pipe-ml/pipe/nn/diffusion"
	"github.com/pipe-ml/pipe/nn/model"
	"github.com/pipe-ml/pipe/nn/token"
	"github.com/pipe-ml/pipe/stages/artifact"
)

func (s *pretrain) runDiffusion(ctx context.Context, r Reporter) error {
	pairs, err := readPairs(s.Data.Path, s.Tokens.Path)
	if err != nil {
		return err
	}
	v, err := diffusion.Lookup(s.Architecture)
	if err != nil {
		return err
	}
	tokenizer, err := token.Load(s.Tokens.Path)
	if err != nil {
		return err
	}
	info := pairs.images.Info
	codec, err := diffusion.FitCodec(pairs.pixels(pairs.images.Order), len(pairs.images.Order), info.Channels, info.Size, v.Levels)
	if err != nil {
		return err
	}
	m, err := v.New(info.Size, codec, tokenizer.Len(), tokenizer.Row("", pairs.tokens.MaxLength), s.Seed)
	if err != nil {
		return err
	}
	p, err := s.plan(r, defaults{steps: 600, batch: 16, lr: 2e-3}, len(pairs.images.Order))
	if err != nil {
		return err
	}
	dev, err := s.open(r)
	if err != nil {
		return err
	}
	defer dev.Close()
	if err := pairs.fit(ctx, r, dev, m, pairs.images.Order, p, s.diffusing, s.Seed); err != nil {
		return err
	}
	d := &artifact.Diffusion{
		Info: artifact.ModelInfo{
			Architecture: s.Architecture, Task: artifact.TaskDiffusion, Captions: pairs.tokens.MaxLength,
			Input: model.Input{Size: info.Size, Channels: info.Channels, Mean: halves(info.Channels), Std: halves(info.Channels)},
		},
		Model: m, Tokenizer: s.Tokens.Path,
	}
	return d.Write(string(s.Out))
}

// halves are mean and deviation of the normalisation to [-1, 1].
func halves(n int) []float32 {
	out := make([]float32, n)
	for i := range out {
		out[i] = 0.5
	}
	return out
}
