package diffusion

import (
	"context"
	"errors"
	"fmt"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/program"
	"github.com/pipe-ml/pipe/nn/train"
)

// EncodeText gives the hidden states [L, D] that the U-Net attends to, of each caption of L tokens.
func (m *Model) EncodeText(ctx context.Context, dev accel.Device, captions [][]int32) (out [][]float32, err error) {
	mem := program.NewMemory(dev)
	defer func() { err = errors.Join(err, mem.Close()) }()
	b := layer.NewBuilder(gorgonia.NewGraph(), m.Weights, m.Plan.Of(IsText))
	ids := b.Input("input_ids", tensor.Int32, 1, len(m.Empty))
	hidden := m.Text.Build(b, ids)
	p, err := train.CompileForward(mem, b, m.Weights, hidden)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	for i, caption := range captions {
		if len(caption) != len(m.Empty) {
			return nil, fmt.Errorf("caption %d has %d tokens, the model takes %d", i, len(caption), len(m.Empty))
		}
		if err := errors.Join(p.Set(ids, caption), p.Run(ctx)); err != nil {
			return nil, err
		}
		v, err := p.Value(hidden)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// frozenText refuses a plan that trains the text encoder, whose embeddings are then not what was computed before.
func (m *Model) frozenText() error {
	b := layer.NewBuilder(gorgonia.NewGraph(), m.Weights, m.Plan)
	m.TextEncoder(b)
	if n := len(b.Trainable()); n > 0 {
		return fmt.Errorf("%d parameters of the text encoder train, so the captions' embeddings cannot be computed before: give images and tokens in place of latents", n)
	}
	return b.Err() // the plan's edits are of the U-Net, which is not here
}
