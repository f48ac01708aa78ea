package diffusion

import (
	"context"
	"errors"
	"fmt"
	"math"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/rng"
	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/program"
	"github.com/pipe-ml/pipe/nn/train"
)

// Trainer fits a model to image-caption pairs by the mean squared error of the prediction, each band of the
// latents weighted by its share in the picture (Codec.LossWeights), and each timestep as SNRGamma says. With a nil plan U-Net and
// text encoder train together.
type Trainer struct {
	Model       *Model
	Latents     []Posterior // of each image, by Codec.Encode
	Tokens      [][]int32   // of each caption, or
	Text        [][]float32 // its embedding by EncodeText, where the text encoder does not train
	Empty       []float32   // that of the empty caption; with Text only
	Train, Val  []int       // pairs
	BatchSize   int
	DropCaption float64 // share of captions replaced by the empty one, for guidance
	SNRGamma    float64 // of Schedule.LossWeight; 0: timesteps weigh alike
	Config      train.Config
	Seed        uint64
	Progress    train.Progress
}

// Fit trains and sets the model's weights to the best validated state, or the last without validation.
func (t *Trainer) Fit(ctx context.Context, dev accel.Device) (res train.Result, err error) {
	if len(t.Train) == 0 {
		return res, errors.New("no pairs to train on")
	}
	m := t.Model
	if err := m.Validate(); err != nil {
		return res, err
	}
	b := layer.NewBuilder(gorgonia.NewGraph(), m.Weights, m.Plan)
	build := m.predict
	if t.Text != nil {
		if err := m.frozenText(); err != nil {
			return res, err
		}
		build = m.predictFrom
	}
	in, out := build(b, t.BatchSize)
	target := b.Input("target", tensor.Float32, t.BatchSize, m.UNet.InChannels, m.UNet.SampleSize, m.UNet.SampleSize)
	weights := b.Input("weights", tensor.Float32, t.BatchSize, m.UNet.InChannels, 1, 1)
	loss := b.MSELoss(b.Mul(out, weights), b.Mul(target, weights))
	if err := b.Finish(); err != nil {
		return res, err
	}
	mem := program.NewMemory(dev)
	defer func() { err = errors.Join(err, mem.Close()) }()
	if err := train.Upload(mem, m.Weights, b); err != nil {
		return res, err
	}
	network, err := train.Compile(mem, b, loss, t.Config, func(p layer.Param) (bool, float64) { return m.decays(p), 0 })
	if err != nil {
		return res, err
	}
	defer func() { err = errors.Join(err, network.Close()) }()

	order := &train.Order{N: len(t.Train), Seed: t.Seed}
	draw := &batch{trainer: t, in: in, target: target, weights: weights, bands: m.Codec.LossWeights()}
	run := train.Run{Network: network, Progress: t.Progress, Feed: func(step int) error {
		draw.reset()
		for j := range t.BatchSize {
			position := step*t.BatchSize + j
			draw.add(t.Train[order.At(position)], j, fmt.Sprintf("step/%d", position), t.DropCaption)
		}
		return draw.set(network.Set)
	}}
	if len(t.Val) > 0 {
		val, err := train.CompileForward(mem, b, m.Weights, loss)
		if err != nil {
			return res, err
		}
		defer func() { err = errors.Join(err, val.Close()) }()
		run.Validate = func(ctx context.Context) (float64, error) { return t.validate(ctx, val, loss, draw) }
	}
	if res, err = run.Do(ctx, t.Config); err != nil {
		return res, err
	}
	return res, m.Weights.Download(mem, network.State())
}

// validate is the mean loss over the validation pairs, in whole batches, each time under the same timesteps and
// noise. Pairs repeat to fill the last batch.
func (t *Trainer) validate(ctx context.Context, p *program.Program, loss *layer.Node, draw *batch) (float64, error) {
	sum, batches := 0.0, 0
	for at := 0; at < len(t.Val); at += t.BatchSize {
		draw.reset()
		for j := range t.BatchSize {
			draw.add(t.Val[(at+j)%len(t.Val)], j, fmt.Sprintf("val/%d", at+j), 0)
		}
		if err := errors.Join(draw.set(p.Set), p.Run(ctx)); err != nil {
			return 0, err
		}
		value, err := p.Value(loss)
		if err != nil {
			return 0, err
		}
		sum += float64(value[0])
		batches++
	}
	return sum / float64(batches), nil
}

// batch is the host's side of a batch of training pairs.
type batch struct {
	trainer *Trainer
	in      inputs
	target  *layer.Node
	weights *layer.Node
	bands   []float32 // the weights of the latents' channels

	x, want, time, factors, text []float32
	ids                          []int32
	eps                          []float32 // of one pair
}

func (b *batch) reset() {
	b.x, b.want, b.time, b.factors, b.text, b.ids = b.x[:0], b.want[:0], b.time[:0], b.factors[:0], b.text[:0], b.ids[:0]
}

// add draws timestep, caption dropping, latents and noise of pair i as element j of the batch, from the stream called name.
// The timestep is uniform over the j-th part of the chain, so that each batch sees the whole chain.
func (b *batch) add(i, j int, name string, drop float64) {
	t := b.trainer
	r := rng.New(t.Seed, "diffusion/"+name)
	schedule := t.Model.Schedule
	at := int((float64(j) + r.Float64()) / float64(t.BatchSize) * float64(schedule.Len()))
	at = min(at, schedule.Len()-1)
	dropped := r.Float64() < drop
	switch {
	case t.Text == nil && dropped:
		b.ids = append(b.ids, t.Model.Empty...)
	case t.Text == nil:
		b.ids = append(b.ids, t.Tokens[i]...)
	case dropped:
		b.text = append(b.text, t.Empty...)
	default:
		b.text = append(b.text, t.Text[i]...)
	}
	b.time = append(b.time, t.Model.UNet.TimeFeatures(at)...)
	root := float32(math.Sqrt(schedule.LossWeight(at, t.SNRGamma)))
	for _, w := range b.bands {
		b.factors = append(b.factors, w*root)
	}
	x0, from := t.Latents[i].Sample(r), len(b.x)
	b.eps = b.eps[:0]
	for range x0 {
		b.eps = append(b.eps, float32(r.Norm()))
	}
	b.want = append(b.want, x0...)
	schedule.Target(b.want[from:], x0, b.eps, at)
	b.x = append(b.x, x0...)
	schedule.AddNoise(b.x[from:], x0, b.eps, at)
}

// set hands the batch to a program.
func (b *batch) set(set func(*layer.Node, any) error) error {
	var text error
	if b.in.text != nil {
		text = set(b.in.text, b.text)
	} else {
		text = set(b.in.ids, b.ids)
	}
	return errors.Join(set(b.in.x, b.x), set(b.in.time, b.time), text, set(b.target, b.want), set(b.weights, b.factors))
}
