package checkpoint

import (
	"fmt"
	"math"
)

// adapt fits t to the shape the network wants where the options allow it. done is false if they do not.
func (o LoadOptions) adapt(name string, t Tensor, want []int) (out Tensor, done bool, err error) {
	switch {
	case matches(o.Channels, name) && len(want) == 4 && len(t.Shape) == 4:
		if t.Shape[0] != want[0] || t.Shape[2] != want[2] || t.Shape[3] != want[3] {
			return t, false, nil
		}
		out, err = adaptChannels(t, want[1])
	case matches(o.Positions, name) && len(want) == 3 && len(t.Shape) == 3:
		if t.Shape[0] != 1 || want[0] != 1 || t.Shape[2] != want[2] {
			return t, false, nil
		}
		out, err = adaptPositions(t, want[1])
	default:
		return t, false, nil
	}
	return out, err == nil, err
}

// adaptChannels changes the input channels of a convolution's weight [O, I, H, W], as timm does: one channel is the sum over all, which
// answers to a gray image as before to the same image in each channel; other numbers repeat the channels in turn, scaled by
// old/new.
func adaptChannels(t Tensor, channels int) (Tensor, error) {
	data, err := t.Float32()
	if err != nil {
		return t, err
	}
	outputs, old, window := t.Shape[0], t.Shape[1], t.Shape[2]*t.Shape[3]
	out := make([]float32, outputs*channels*window)
	for o := range outputs {
		for p := range window {
			at := func(c int) float64 { return float64(data[(o*old+c)*window+p]) }
			for c := range channels {
				v := at(c%old) * float64(old) / float64(channels)
				if channels == 1 {
					v = 0
					for k := range old {
						v += at(k)
					}
				}
				out[(o*channels+c)*window+p] = float32(v)
			}
		}
	}
	return FromFloat32([]int{outputs, channels, t.Shape[2], t.Shape[3]}, out), nil
}

// adaptPositions resamples a position embedding [1, P + G*G, C] of a square grid to another grid, by antialiased bicubic
// interpolation (a = -0.5, pixels' centres aligned) as timm does. P is 1 where the class token has a position, which stays, and 0
// where it has none.
func adaptPositions(t Tensor, tokens int) (Tensor, error) {
	data, err := t.Float32()
	if err != nil {
		return t, err
	}
	c := t.Shape[2]
	prefix, from := grid(t.Shape[1])
	kept, to := grid(tokens)
	if from == 0 || to == 0 || prefix != kept {
		return t, fmt.Errorf("positions of %d and %d tokens are not both square grids, with or without a class token", t.Shape[1], tokens)
	}
	weights := bicubic(from, to)
	rows := make([]float64, to*from*c) // [to, from, C]: resampled in the vertical
	for y := range to {
		for k, f := range weights[y] {
			for i := range from * c {
				rows[y*from*c+i] += float64(f * float64(data[(prefix+k*from)*c+i]))
			}
		}
	}
	out := make([]float32, tokens*c)
	copy(out, data[:prefix*c])
	for y := range to {
		for x := range to {
			for i := range c {
				sum := 0.
				for k, f := range weights[x] {
					sum += float64(f * rows[(y*from+k)*c+i])
				}
				out[(prefix+y*to+x)*c+i] = float32(sum)
			}
		}
	}
	return FromFloat32([]int{1, tokens, c}, out), nil
}

// grid tells the side of the square grid that tokens are, and whether one is before it; side is 0 if they are none.
func grid(tokens int) (prefix, side int) {
	for prefix := range 2 {
		if side := int(math.Sqrt(float64(tokens - prefix))); side > 0 && side*side+prefix == tokens {
			return prefix, side
		}
	}
	return 0, 0
}

// bicubic returns, for each of to outputs, the weights of the from inputs.
func bicubic(from, to int) [][]float64 {
	scale := float64(from) / float64(to)
	width := math.Max(scale, 1) // the kernel is stretched when shrinking
	out := make([][]float64, to)
	for i := range out {
		out[i] = make([]float64, from)
		centre, sum := float64((float64(i)+.5)*scale), 0.
		for k := range from {
			out[i][k] = cubic((float64(k) + .5 - centre) / width)
			sum += out[i][k]
		}
		for k := range from {
			out[i][k] /= sum
		}
	}
	return out
}

// cubic is Keys' kernel with a = -0.5.
func cubic(x float64) float64 {
	const a = -.5
	switch x = math.Abs(x); {
	case x < 1:
		return float64((float64((a+2)*x)-(a+3))*x*x) + 1
	case x < 2:
		return (float64((float64((x-5)*x)+8)*x) - 4) * a
	}
	return 0
}
