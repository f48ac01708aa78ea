package metric

import (
	"fmt"

	"github.com/pipe-ml/pipe/accel/elementary"
)

// The window and the constants of Wang et al. 2004, and the weights of the scales of Wang et al. 2003.
const (
	ssimWindow = 11
	ssimSigma  = 1.5
	ssimC1     = (0.01 * 255) * (0.01 * 255)
	ssimC2     = (0.03 * 255) * (0.03 * 255)
)

var ssimWeights = []float64{0.0448, 0.2856, 0.3001, 0.2363, 0.1333}

// Picture is an image ready to be compared by [MSSSIM].
type Picture struct {
	channels int
	scales   []pictureScale
}

// pictureScale is an image at half the size of the scale before: pixels and, in windows, their mean and variance, channel by channel.
type pictureScale struct {
	side                   int
	pixels, mean, variance []float64
}

// NewPicture prepares 8-bit pixels [channels, side, side]. As many scales are compared, up to five, as leave room for the window of
// 11 pixels: 5 from 176 pixels on, 3 of 64.
func NewPicture(pixels []byte, channels, side int) (*Picture, error) {
	if side < ssimWindow || len(pixels) != channels*side*side {
		return nil, fmt.Errorf("ms-ssim: %d values for %d x %d pixels and %d channels: want %d pixels or more a side", len(pixels), side, side, channels, ssimWindow)
	}
	x := make([]float64, len(pixels))
	for i, v := range pixels {
		x[i] = float64(v)
	}
	p := &Picture{channels: channels}
	for len(p.scales) < len(ssimWeights) && side >= ssimWindow {
		p.scales = append(p.scales, newScale(x, channels, side))
		x, side = halve(x, channels, side)
	}
	return p, nil
}

// Scales is how many scales of the picture are compared.
func (p *Picture) Scales() int { return len(p.scales) }

func newScale(x []float64, channels, side int) pictureScale {
	s := pictureScale{side: side, pixels: x, mean: blur(x, channels, side)}
	s.variance = blur(times(x, x), channels, side)
	for i, m := range s.mean {
		s.variance[i] -= float64(m * m)
	}
	return s
}

// MSSSIM is the multi-scale structural similarity of two pictures of one shape (Wang et al. 2003), as pytorch_msssim's: 1 for equal
// ones. With fewer than five scales their weights are scaled to the sum that five have.
func MSSSIM(a, b *Picture) (float64, error) {
	if a.channels != b.channels || len(a.scales) != len(b.scales) || a.scales[0].side != b.scales[0].side {
		return 0, fmt.Errorf("ms-ssim: pictures of %d and %d pixels, %d and %d channels", a.scales[0].side, b.scales[0].side, a.channels, b.channels)
	}
	whole, used := 0.0, 0.0
	for k, w := range ssimWeights {
		whole += w
		if k < len(a.scales) {
			used += w
		}
	}
	out := make([]float64, a.channels)
	for c := range out {
		out[c] = 1
	}
	for k := range a.scales {
		full, contrast := compare(&a.scales[k], &b.scales[k], a.channels)
		for c := range out {
			v := contrast[c]
			if k == len(a.scales)-1 {
				v = full[c]
			}
			out[c] *= elementary.Pow(max(v, 0), ssimWeights[k]*(whole/used))
		}
	}
	sum := 0.0
	for _, v := range out {
		sum += v
	}
	return sum / float64(a.channels), nil
}

// compare gives the similarity of each channel at one scale, and its part of contrast and structure.
func compare(a, b *pictureScale, channels int) (full, contrast []float64) {
	both := blur(times(a.pixels, b.pixels), channels, a.side)
	full, contrast = make([]float64, channels), make([]float64, channels)
	area := len(both) / channels
	for i, v := range both {
		m1, m2 := a.mean[i], b.mean[i]
		cs := (2*(v-float64(m1*m2)) + ssimC2) / (a.variance[i] + b.variance[i] + ssimC2)
		contrast[i/area] += cs / float64(area)
		full[i/area] += (float64(2*m1*m2) + ssimC1) / (float64(m1*m1) + float64(m2*m2) + ssimC1) * cs / float64(area)
	}
	return full, contrast
}

func times(a, b []float64) []float64 {
	out := make([]float64, len(a))
	for i, v := range a {
		out[i] = v * b[i]
	}
	return out
}

// ssimKernel is the normalised Gaussian of the window.
var ssimKernel = func() (k [ssimWindow]float64) {
	sum := 0.0
	for i := range k {
		d := float64(i - ssimWindow/2)
		k[i] = elementary.Exp(-d * d / (2 * ssimSigma * ssimSigma))
		sum += k[i]
	}
	for i := range k {
		k[i] /= sum
	}
	return k
}()

// blur is the mean of x [channels, side, side] in windows that lie within it [channels, side-10, side-10].
func blur(x []float64, channels, side int) []float64 {
	less := side - ssimWindow + 1
	rows, out := make([]float64, channels*less*side), make([]float64, channels*less*less)
	for c := range channels {
		for i := range less {
			to := rows[(c*less+i)*side:][:side]
			for k, w := range ssimKernel {
				for j, v := range x[(c*side+i+k)*side:][:side] {
					to[j] += float64(w * v)
				}
			}
		}
	}
	for r := range channels * less {
		for j := range less {
			sum := 0.0
			for k, w := range ssimKernel {
				sum += float64(w * rows[r*side+j+k])
			}
			out[r*less+j] = sum
		}
	}
	return out
}

// halve averages blocks of 2 x 2 pixels. An odd side gets a border of zeros, as pytorch_msssim has it.
func halve(x []float64, channels, side int) (half []float64, to int) {
	pad := side % 2
	to = (side + 2*pad) / 2
	half = make([]float64, channels*to*to)
	for c := range channels {
		for i := range side {
			for j := range side {
				half[(c*to+(i+pad)/2)*to+(j+pad)/2] += x[(c*side+i)*side+j] / 4
			}
		}
	}
	return half, to
}
