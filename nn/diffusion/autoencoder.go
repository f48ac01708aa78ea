package diffusion

import (
	"context"
	"errors"
	"fmt"
	"math"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/elementary"
	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/model"
	"github.com/pipe-ml/pipe/nn/program"
	"github.com/pipe-ml/pipe/nn/train"
)

// Autoencoder is the Codec of Stable Diffusion: AutoencoderKL with its weights, which no training changes.
type Autoencoder struct {
	Model   *model.AutoencoderKL
	Weights *layer.Weights
}

// Validate implements Codec.
func (a *Autoencoder) Validate(size int) error {
	if err := a.Model.Validate(); err != nil {
		return err
	}
	if shrink := a.Model.Shrink(); size < shrink || size%shrink != 0 {
		return fmt.Errorf("autoencoder: a side of %d pixels is not a multiple of %d", size, shrink)
	}
	return nil
}

// Latent implements Codec.
func (a *Autoencoder) Latent(size int) (channels, side int) {
	return a.Model.LatentChannels, size / a.Model.Shrink()
}

// Network builds all that the weights hold.
func (a *Autoencoder) Network(b *layer.Builder) {
	side := a.Model.Shrink()
	a.Model.Encode(b, b.Input("images", tensor.Float32, 1, a.Model.InChannels, side, side))
	a.Model.Decode(b, b.Input("latents", tensor.Float32, 1, a.Model.LatentChannels, 1, 1))
}

// Encode implements Codec: mean and standard deviation, exp(logvar/2) with logvar in [-30, 20], both times ScalingFactor.
func (a *Autoencoder) Encode(ctx context.Context, dev accel.Device, images [][]float32, size int) ([]Posterior, error) {
	moments, err := a.run(ctx, dev, images, []int{1, a.Model.InChannels, size, size}, a.Model.Encode)
	if err != nil {
		return nil, err
	}
	out := make([]Posterior, len(moments))
	for i, m := range moments {
		mean, logvar := m[:len(m)/2], m[len(m)/2:]
		p := Posterior{Mean: make([]float32, len(mean)), Std: make([]float32, len(mean))}
		for j := range mean {
			p.Mean[j] = float32(float64(mean[j]) * a.Model.ScalingFactor)
			p.Std[j] = float32(elementary.Exp(0.5*math.Min(math.Max(float64(logvar[j]), -30), 20)) * a.Model.ScalingFactor)
		}
		out[i] = p
	}
	return out, nil
}

// Decode implements Codec.
func (a *Autoencoder) Decode(ctx context.Context, dev accel.Device, latents [][]float32, size int) ([][]float32, error) {
	scaled := make([][]float32, len(latents))
	for i, z := range latents {
		scaled[i] = make([]float32, len(z))
		for j, v := range z {
			scaled[i][j] = float32(float64(v) / a.Model.ScalingFactor)
		}
	}
	channels, side := a.Latent(size)
	return a.run(ctx, dev, scaled, []int{1, channels, side, side}, a.Model.Decode)
}

// LossWeights implements Codec: the channels count alike.
func (a *Autoencoder) LossWeights() []float32 {
	w := make([]float32, a.Model.LatentChannels)
	for i := range w {
		w[i] = 1
	}
	return w
}

// run maps each of xs, of the given shape, by half of the network. One at a time: at 512 pixels one fills a gigabyte.
func (a *Autoencoder) run(ctx context.Context, dev accel.Device, xs [][]float32, shape []int,
	half func(*layer.Builder, *layer.Node) *layer.Node) (out [][]float32, err error) {
	mem := program.NewMemory(dev)
	defer func() { err = errors.Join(err, mem.Close()) }()
	b := layer.NewBuilder(gorgonia.NewGraph(), a.Weights, nil)
	in := b.Input("input", tensor.Float32, shape...)
	y := half(b, in)
	p, err := train.CompileForward(mem, b, a.Weights, y)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	for _, x := range xs {
		if err := errors.Join(p.Set(in, x), p.Run(ctx)); err != nil {
			return nil, err
		}
		v, err := p.Value(y)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}
