package diffusion

import (
	"context"
	"fmt"
	"math"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/rng"
)

// Codec maps images to the latents in which a model works, and back: an [Autoencoder], or a [HaarCodec].
type Codec interface {
	// Validate refuses images of size x size.
	Validate(size int) error
	// Latent is the shape [K, S, S] of the latents of images of size x size.
	Latent(size int) (channels, side int)
	// Encode gives the latents of each image [C, size, size] in [-1, 1], scaled for the model, on dev.
	Encode(ctx context.Context, dev accel.Device, images [][]float32, size int) ([]Posterior, error)
	// Decode gives the image [C, size, size] of each latents [K, S, S].
	Decode(ctx context.Context, dev accel.Device, latents [][]float32, size int) ([][]float32, error)
	// LossWeights are factors of the error of each of the K channels of latents.
	LossWeights() []float32
}

// Posterior is the distribution of an image's latents [K, S, S]: independent normal ones.
type Posterior struct {
	Mean []float32
	Std  []float32 // nil: the latents are exact
}

// Sample draws latents from the next numbers of r; exact ones draw nothing.
func (p Posterior) Sample(r *rng.Stream) []float32 {
	if p.Std == nil {
		return p.Mean
	}
	out := make([]float32, len(p.Mean))
	for i, m := range p.Mean {
		out[i] = m + float32(p.Std[i]*float32(r.Norm()))
	}
	return out
}

// HaarCodec maps images [C, H, W] to latents [C*4^Levels, H/2^Levels, W/2^Levels] and back. Each level splits every
// channel c into the four orthonormal Haar bands of its 2x2 blocks, stored as channels 4c to 4c+3: average,
// horizontal, vertical and diagonal detail. Then channel k becomes (y - Mean[k]) / Scale[k].
//
// It stands where Stable Diffusion has its VAE: the network works on a small grid of well-scaled channels.
type HaarCodec struct {
	Class    string    `json:"_class_name"` // HaarCodec
	Channels int       `json:"in_channels"` // of the images
	Levels   int       `json:"levels"`
	Mean     []float32 `json:"mean"`
	Scale    []float32 `json:"scale"`
}

// minScale keeps a band that never varies from being blown up, relative to the widest band.
const minScale = 1e-3

// FitCodec measures the mean and the standard deviation of each band over n images, packed [n, channels,
// size, size], and sets Scale to the standard deviation.
func FitCodec(images []float32, n, channels, size, levels int) (*HaarCodec, error) {
	c := &HaarCodec{Class: "HaarCodec", Channels: channels, Levels: levels}
	k := c.latentChannels()
	c.Mean, c.Scale = make([]float32, k), make([]float32, k)
	for i := range c.Scale {
		c.Scale[i] = 1
	}
	if err := c.Validate(size); err != nil {
		return nil, err
	}
	if per := channels * size * size; n < 1 || len(images) != n*per {
		return nil, fmt.Errorf("codec: %d values are not %d images of %d", len(images), n, per)
	}
	area := size >> levels * (size >> levels)
	sum, square := make([]float64, k), make([]float64, k)
	for i := range n {
		z := c.encode(images[i*channels*size*size:][:channels*size*size], size)
		for j, v := range z {
			sum[j/area] += float64(v)
			square[j/area] += float64(float64(v) * float64(v))
		}
	}
	widest := 0.0
	for j := range sum {
		mean := sum[j] / float64(n*area)
		c.Mean[j] = float32(mean)
		square[j] = math.Sqrt(math.Max(square[j]/float64(n*area)-float64(mean*mean), 0))
		widest = math.Max(widest, square[j])
	}
	if widest == 0 {
		widest = 1
	}
	for j, sd := range square {
		c.Scale[j] = float32(math.Max(sd, minScale*widest))
	}
	return c, nil
}

// Validate refuses a codec that does not fit images of size x size.
func (c *HaarCodec) Validate(size int) error {
	if c.Channels < 1 || c.Levels < 0 || c.Levels > 4 || size < 1<<c.Levels || size%(1<<c.Levels) != 0 {
		return fmt.Errorf("codec: %d levels do not fit images of %d x %d with %d channels", c.Levels, size, size, c.Channels)
	}
	if k := c.latentChannels(); len(c.Mean) != k || len(c.Scale) != k {
		return fmt.Errorf("codec: %d means and %d scales for %d bands", len(c.Mean), len(c.Scale), k)
	}
	return nil
}

// Latent is the shape [K, S, S] of the latents of images of size x size.
func (c *HaarCodec) Latent(size int) (channels, side int) {
	return c.latentChannels(), size >> c.Levels
}

func (c *HaarCodec) latentChannels() int { return c.Channels << (2 * c.Levels) }

// Encode implements Codec. It is exact, and computed on the host.
func (c *HaarCodec) Encode(_ context.Context, _ accel.Device, images [][]float32, size int) ([]Posterior, error) {
	out := make([]Posterior, len(images))
	for i, x := range images {
		out[i].Mean = c.encode(x, size)
	}
	return out, nil
}

// Decode implements Codec.
func (c *HaarCodec) Decode(_ context.Context, _ accel.Device, latents [][]float32, size int) ([][]float32, error) {
	out := make([][]float32, len(latents))
	for i, z := range latents {
		out[i] = c.decode(z, size)
	}
	return out, nil
}

// encode returns the latents of one image [Channels, size, size].
func (c *HaarCodec) encode(image []float32, size int) []float32 {
	x, channels, side := append([]float32(nil), image...), c.Channels, size
	for range c.Levels {
		x, channels, side = split(x, channels, side), channels*4, side/2
	}
	for i := range x {
		k := i / (side * side)
		x[i] = (x[i] - c.Mean[k]) / c.Scale[k]
	}
	return x
}

// decode returns the image [Channels, size, size] of latents.
func (c *HaarCodec) decode(latents []float32, size int) []float32 {
	channels, side := c.Latent(size)
	x := make([]float32, len(latents))
	for i, v := range latents {
		k := i / (side * side)
		x[i] = float32(v*c.Scale[k]) + c.Mean[k]
	}
	for range c.Levels {
		x, channels, side = join(x, channels, side), channels/4, side*2
	}
	return x
}

// LossWeights weighs each band by the square root of its Scale relative to the mean one. All bands have unit
// variance, but the many of fine detail are mostly noise and carry little of the picture; weighed alike they
// would take nearly all of the loss, and the average, which is the picture, would stay noisy.
func (c *HaarCodec) LossWeights() []float32 {
	mean := 0.0
	for _, s := range c.Scale {
		mean += float64(s) / float64(len(c.Scale))
	}
	w := make([]float32, len(c.Scale))
	for k, s := range c.Scale {
		w[k] = float32(math.Sqrt(float64(s) / mean))
	}
	return w
}

// split is one level of the transform of x [channels, side, side].
func split(x []float32, channels, side int) []float32 {
	half := side / 2
	out := make([]float32, len(x))
	for ch := range channels {
		for i := range half {
			for j := range half {
				at := ch*side*side + 2*i*side + 2*j
				p, q, r, s := x[at], x[at+1], x[at+side], x[at+side+1]
				to, band := ch*4*half*half+i*half+j, half*half
				out[to] = 0.5 * (p + q + r + s)
				out[to+band] = 0.5 * (p - q + r - s)
				out[to+2*band] = 0.5 * (p + q - r - s)
				out[to+3*band] = 0.5 * (p - q - r + s)
			}
		}
	}
	return out
}

// join undoes split: x [channels, side, side] has four bands an output channel.
func join(x []float32, channels, side int) []float32 {
	full := side * 2
	out := make([]float32, len(x))
	for ch := range channels / 4 {
		for i := range side {
			for j := range side {
				at, band := ch*4*side*side+i*side+j, side*side
				a, h, v, d := x[at], x[at+band], x[at+2*band], x[at+3*band]
				to := ch*full*full + 2*i*full + 2*j
				out[to] = 0.5 * (a + h + v + d)
				out[to+1] = 0.5 * (a - h + v - d)
				out[to+full] = 0.5 * (a + h - v - d)
				out[to+full+1] = 0.5 * (a - h - v + d)
			}
		}
	}
	return out
}
