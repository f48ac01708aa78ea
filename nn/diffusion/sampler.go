package diffusion

import (
	"context"
	"errors"
	"fmt"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/rng"
	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/program"
	"github.com/pipe-ml/pipe/nn/train"
)

// Sampler draws images from a model by a [Solver] with classifier-free guidance, batch by batch. An image depends on
// its caption, the seed and its index, and not on the other images.
type Sampler struct {
	model    *Model
	dev      accel.Device
	batch    int
	solver   SolverOptions
	guidance float64

	mem        *program.Memory
	encoder    *program.Program
	ids        *layer.Node
	hidden     *layer.Node
	denoiser   *program.Program
	x, time    *layer.Node
	text       *layer.Node
	out        *layer.Node
	conditions int // predictions an image: 2 with guidance
}

// NewSampler compiles the model on dev for batches of batch images, sampled by the chosen solver. guidance 1 uses
// the conditional prediction alone.
func NewSampler(dev accel.Device, m *Model, batch int, solver SolverOptions, guidance float64) (*Sampler, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	if batch < 1 {
		return nil, fmt.Errorf("sampling batches of %d", batch)
	}
	s := &Sampler{model: m, dev: dev, batch: batch, solver: solver, guidance: guidance, conditions: 2, mem: program.NewMemory(dev)}
	if guidance == 1 {
		s.conditions = 1
	}
	if _, err := NewSolver(m.Schedule, solver); err != nil {
		return nil, err
	}
	if err := errors.Join(s.compileEncoder(), s.compileDenoiser()); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Sampler) compileEncoder() error {
	b := layer.NewBuilder(gorgonia.NewGraph(), s.model.Weights, s.model.Plan.Of(IsText))
	s.ids = b.Input("input_ids", tensor.Int32, s.batch*s.conditions, len(s.model.Empty))
	s.hidden = s.model.Text.Build(b, s.ids)
	var err error
	s.encoder, err = train.CompileForward(s.mem, b, s.model.Weights, s.hidden)
	return err
}

func (s *Sampler) compileDenoiser() error {
	b, rows := layer.NewBuilder(gorgonia.NewGraph(), s.model.Weights, s.model.Plan.Of(isUNet)), s.batch*s.conditions
	s.x, s.time = s.model.latents(b, rows)
	s.text = b.Input("encoder_hidden_states", tensor.Float32, rows, len(s.model.Empty), s.model.Text.HiddenSize)
	s.out = s.model.UNet.Build(b, s.x, s.time, s.text)
	var err error
	s.denoiser, err = train.CompileForward(s.mem, b, s.model.Weights, s.out)
	return err
}

// Sample draws one image [C, Size, Size] in [-1, 1] for each caption; first is the index of the first one. It
// calls done after every network evaluation with the share of the work done.
func (s *Sampler) Sample(ctx context.Context, captions [][]int32, seed uint64, first int, done func(share float64)) ([][]float32, error) {
	var out [][]float32
	batches := (len(captions) + s.batch - 1) / s.batch
	for at := 0; at < len(captions); at += s.batch {
		group := captions[at:min(at+s.batch, len(captions))]
		images, err := s.sample(ctx, group, seed, first+at, func(share float64) {
			done((float64(at/s.batch) + share) / float64(batches))
		})
		if err != nil {
			return nil, err
		}
		out = append(out, images...)
	}
	return out, nil
}

// sample draws one batch.
func (s *Sampler) sample(ctx context.Context, captions [][]int32, seed uint64, first int, done func(share float64)) ([][]float32, error) {
	solver, err := NewSolver(s.model.Schedule, s.solver)
	if err != nil {
		return nil, err
	}
	if err := s.encode(ctx, captions); err != nil {
		return nil, err
	}
	u := s.model.UNet
	per := u.InChannels * u.SampleSize * u.SampleSize
	x := make([]float32, s.batch*s.conditions*per)
	streams := make([]*rng.Stream, len(captions))
	for i := range streams {
		streams[i] = rng.New(seed, fmt.Sprintf("sample/%d", first+i))
	}
	draw := func(out []float32) []float32 {
		for i, r := range streams {
			for j := range per {
				out[i*per+j] = float32(r.Norm())
			}
		}
		return out
	}
	draw(x)
	half := s.batch * per // conditional rows first, then unconditional ones
	steps := solver.Timesteps()
	for k, t := range steps {
		copy(x[half:], x[:half])
		out, err := s.predict(ctx, x, t)
		if err != nil {
			return nil, err
		}
		if s.conditions == 2 {
			for i := range half {
				free := out[half+i]
				out[i] = free + float32(float32(s.guidance)*(out[i]-free))
			}
		}
		solver.Step(k, x[:half], out[:half], func() []float32 { return draw(make([]float32, half)) })
		done(float64(k+1) / float64(len(steps)))
	}
	latents := make([][]float32, len(captions))
	for i := range latents {
		latents[i] = x[i*per : (i+1)*per]
	}
	images, err := s.model.Codec.Decode(ctx, s.dev, latents, s.model.Size)
	for _, image := range images {
		for j, v := range image {
			image[j] = min(max(v, -1), 1)
		}
	}
	return images, err
}

// encode sets the denoiser's text: the captions, filled up with empty ones, then empty ones for guidance.
func (s *Sampler) encode(ctx context.Context, captions [][]int32) error {
	var ids []int32
	for i := range s.batch * s.conditions {
		row := s.model.Empty
		if i < len(captions) {
			row = captions[i]
		}
		if len(row) != len(s.model.Empty) {
			return fmt.Errorf("caption %d has %d tokens, the model takes %d", i, len(row), len(s.model.Empty))
		}
		ids = append(ids, row...)
	}
	if err := errors.Join(s.encoder.Set(s.ids, ids), s.encoder.Run(ctx)); err != nil {
		return err
	}
	hidden, err := s.encoder.Value(s.hidden)
	if err != nil {
		return err
	}
	return s.denoiser.Set(s.text, hidden)
}

// predict runs the denoiser on all rows at timestep t.
func (s *Sampler) predict(ctx context.Context, x []float32, t int) ([]float32, error) {
	var time []float32
	for range s.batch * s.conditions {
		time = append(time, s.model.UNet.TimeFeatures(t)...)
	}
	if err := errors.Join(s.denoiser.Set(s.x, x), s.denoiser.Set(s.time, time), s.denoiser.Run(ctx)); err != nil {
		return nil, err
	}
	return s.denoiser.Value(s.out)
}

// Close frees the sampler's programs and its copy of the weights.
func (s *Sampler) Close() error {
	var errs []error
	for _, p := range []*program.Program{s.encoder, s.denoiser} {
		if p != nil {
			errs = append(errs, p.Close())
		}
	}
	return errors.Join(append(errs, s.mem.Close())...)
}
