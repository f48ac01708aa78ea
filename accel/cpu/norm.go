package cpu

import (
	"math"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/kernel"
)

func init() {
	register("layer_norm", func(d *Device, a kernel.LayerNorm, out, in []accel.Tensor) error {
		if err := arity(out, in, 1, 3); err != nil {
			return err
		}
		y, x, gain, bias := f32(out[0]), f32(in[0]), f32(in[1]), f32(in[2])
		c := len(gain)
		d.pool.run(len(x)/c, 1+elementGrain/c, func(lo, hi int) {
			for r := lo; r < hi; r++ {
				row, to := x[r*c:(r+1)*c], y[r*c:(r+1)*c]
				mean, rstd := rowMoments(row, a.Eps)
				for j, v := range row {
					to[j] = float32(float32((v-mean)*rstd)*gain[j]) + bias[j]
				}
			}
		})
		return nil
	})
	register("layer_norm.dx", func(d *Device, a kernel.LayerNorm, out, in []accel.Tensor) error {
		if err := arity(out, in, 1, 3); err != nil {
			return err
		}
		dx, x, gain, dy := f32(out[0]), f32(in[0]), f32(in[1]), f32(in[2])
		c := len(gain)
		d.pool.run(len(x)/c, 1+elementGrain/c, func(lo, hi int) {
			for r := lo; r < hi; r++ {
				row, g, to := x[r*c:(r+1)*c], dy[r*c:(r+1)*c], dx[r*c:(r+1)*c]
				mean, rstd := rowMoments(row, a.Eps)
				normGradient(to, row, g, mean, rstd, func(j int) float32 { return gain[j] })
			}
		})
		return nil
	})
	register("layer_norm.dparams", func(d *Device, a kernel.LayerNorm, out, in []accel.Tensor) error {
		if err := arity(out, in, 1, 2); err != nil {
			return err
		}
		packed, x, dy := f32(out[0]), f32(in[0]), f32(in[1])
		c := len(packed) / 2
		rows := len(x) / c
		means, rstds := make([]float32, rows), make([]float32, rows)
		d.pool.run(rows, 1+elementGrain/c, func(lo, hi int) {
			for r := lo; r < hi; r++ {
				means[r], rstds[r] = rowMoments(x[r*c:(r+1)*c], a.Eps)
			}
		})
		d.pool.run(c, 16, func(lo, hi int) {
			for j := lo; j < hi; j++ {
				packed[j], packed[c+j] = 0, 0
			}
			for r := range rows {
				for j := lo; j < hi; j++ {
					packed[j] += float32(dy[r*c+j] * float32((x[r*c+j]-means[r])*rstds[r]))
					packed[c+j] += dy[r*c+j]
				}
			}
		})
		return nil
	})
	register("group_norm", func(d *Device, a kernel.GroupNorm, out, in []accel.Tensor) error {
		if err := arity(out, in, 1, 3); err != nil {
			return err
		}
		y, x, gain, bias := f32(out[0]), f32(in[0]), f32(in[1]), f32(in[2])
		c := len(gain)
		size := len(x) / in[0].Shape[0] / a.Groups
		positions := size * a.Groups / c
		d.pool.run(len(x)/size, 1, func(lo, hi int) {
			for g := lo; g < hi; g++ {
				mean, rstd := rowMoments(x[g*size:(g+1)*size], a.Eps)
				for i := g * size; i < (g+1)*size; i++ {
					k := i / positions % c
					y[i] = float32(float32((x[i]-mean)*rstd)*gain[k]) + bias[k]
				}
			}
		})
		return nil
	})
	register("group_norm.dx", func(d *Device, a kernel.GroupNorm, out, in []accel.Tensor) error {
		if err := arity(out, in, 1, 3); err != nil {
			return err
		}
		dx, x, gain, dy := f32(out[0]), f32(in[0]), f32(in[1]), f32(in[2])
		c := len(gain)
		size := len(x) / in[0].Shape[0] / a.Groups
		positions := size * a.Groups / c
		d.pool.run(len(x)/size, 1, func(lo, hi int) {
			for g := lo; g < hi; g++ {
				s, e := g*size, (g+1)*size
				mean, rstd := rowMoments(x[s:e], a.Eps)
				normGradient(dx[s:e], x[s:e], dy[s:e], mean, rstd, func(j int) float32 { return gain[(s+j)/positions%c] })
			}
		})
		return nil
	})
	register("group_norm.dparams", func(d *Device, a kernel.GroupNorm, out, in []accel.Tensor) error {
		if err := arity(out, in, 1, 2); err != nil {
			return err
		}
		packed, x, dy := f32(out[0]), f32(in[0]), f32(in[1])
		b, c := in[0].Shape[0], in[0].Shape[1]
		positions := len(x) / b / c
		size := c / a.Groups * positions
		means, rstds := make([]float32, b*a.Groups), make([]float32, b*a.Groups)
		d.pool.run(b*a.Groups, 1, func(lo, hi int) {
			for g := lo; g < hi; g++ {
				means[g], rstds[g] = rowMoments(x[g*size:(g+1)*size], a.Eps)
			}
		})
		channelSums(d, packed, x, dy, b, c, func(s, k int) (float32, float32) {
			g := s*a.Groups + k*a.Groups/c
			return means[g], rstds[g]
		})
		return nil
	})
	registerBatchNorm()
}

// channelSums fills [dgain | dbias] for x [B, C, positions] normalised by the moments of (sample, channel).
func channelSums(d *Device, packed, x, dy []float32, b, c int, moments func(sample, channel int) (mean, rstd float32)) {
	positions := len(x) / b / c
	d.pool.run(c, 1, func(lo, hi int) {
		for k := lo; k < hi; k++ {
			packed[k], packed[c+k] = 0, 0
			for s := range b {
				at := (s*c + k) * positions
				mean, rstd := moments(s, k)
				packed[k] += sum16(positions, func(i int) float32 {
					return float32(dy[at+i] * float32((x[at+i]-mean)*rstd))
				})
				packed[c+k] += sum16(positions, func(i int) float32 { return dy[at+i] })
			}
		}
	})
}

// rowMoments are the mean of x and 1 / sqrt(variance + eps), in two passes.
func rowMoments(x []float32, eps float32) (mean, rstd float32) {
	n := float32(len(x))
	mean = sum16(len(x), func(i int) float32 { return x[i] }) / n
	variance := sum16(len(x), func(i int) float32 { return float32((x[i] - mean) * (x[i] - mean)) }) / n
	return mean, float32(1 / math.Sqrt(float64(variance)+float64(eps)))
}

// normGradient is dx = rstd * (g - mean(g) - xhat * mean(g * xhat)) with g = dy * gain.
func normGradient(dx, x, dy []float32, mean, rstd float32, gain func(j int) float32) {
	n := float32(len(x))
	for j := range x {
		dx[j] = dy[j] * gain(j)
	}
	a := sum16(len(x), func(j int) float32 { return dx[j] }) / n
	b := sum16(len(x), func(j int) float32 { return float32(dx[j] * float32((x[j]-mean)*rstd)) }) / n
	for j := range x {
		dx[j] = rstd * (dx[j] - a - float32(float32((x[j]-mean)*rstd)*b))
	}
}
