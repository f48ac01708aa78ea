package diffusion

import (
	"context"
	"errors"
	"fmt"

	"gorgonia.org/gorgonia"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/rng"
	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/program"
	"github.com/pipe-ml/pipe/nn/train"
)

// Predict is what the network predicts, in evaluation, from weights w and with the edits of plan, nil meaning none:
// [B, C, S, S] for B captions, of noise latents that are the same each time, at timesteps spread over the chain.
func (m *Model) Predict(ctx context.Context, dev accel.Device, w *layer.Weights, plan *layer.Plan, captions [][]int32) (out []float32, err error) {
	mem := program.NewMemory(dev)
	defer func() { err = errors.Join(err, mem.Close()) }()
	b := layer.NewBuilder(gorgonia.NewGraph(), w, plan)
	in, prediction := m.predict(b, len(captions))
	p, err := train.CompileForward(mem, b, w, prediction)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.Close()) }()

	var x, time []float32
	var ids []int32
	latents := m.UNet.InChannels * m.UNet.SampleSize * m.UNet.SampleSize
	for i, caption := range captions {
		r := rng.New(0, fmt.Sprintf("predict/%d", i))
		for range latents {
			x = append(x, float32(r.Norm()))
		}
		time = append(time, m.UNet.TimeFeatures(i*m.Schedule.Len()/len(captions))...)
		ids = append(ids, caption...)
	}
	if err := errors.Join(p.Set(in.x, x), p.Set(in.time, time), p.Set(in.ids, ids), p.Run(ctx)); err != nil {
		return nil, err
	}
	return p.Value(prediction)
}
