package cpu

import (
	"math"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/kernel"
)

func registerBatchNorm() {
	register("batch_norm.train", func(d *Device, a kernel.BatchNorm, out, in []accel.Tensor) error {
		if err := arity(out, in, 1, 3); err != nil {
			return err
		}
		packed, x, gain, bias := f32(out[0]), f32(in[0]), f32(in[1]), f32(in[2])
		b, c := in[0].Shape[0], in[0].Shape[1]
		n := len(x) / c
		stats := packed[len(x):]
		d.pool.run(c, 1, func(lo, hi int) {
			for k := lo; k < hi; k++ {
				mean, variance := batchMoments(x, b, c, k)
				scaleChannel(packed, x, b, c, k, mean, reciprocal(variance, a.Eps), gain[k], bias[k])
				stats[k], stats[c+k] = mean, variance*float32(n)/float32(max(n-1, 1))
			}
		})
		return nil
	})
	register("batch_norm.train.dx", func(d *Device, a kernel.BatchNorm, out, in []accel.Tensor) error {
		if err := arity(out, in, 1, 3); err != nil {
			return err
		}
		dx, x, gain, dy := f32(out[0]), f32(in[0]), f32(in[1]), f32(in[2])
		b, c := in[0].Shape[0], in[0].Shape[1]
		n := float32(len(x) / c)
		d.pool.run(c, 1, func(lo, hi int) {
			for k := lo; k < hi; k++ {
				mean, variance := batchMoments(x, b, c, k)
				rstd := reciprocal(variance, a.Eps)
				g := channelSum(b, c, k, len(x), func(i int) float32 { return dy[i] }) / n
				gx := channelSum(b, c, k, len(x), func(i int) float32 { return float32(dy[i] * float32((x[i]-mean)*rstd)) }) / n
				eachInChannel(b, c, k, len(x), func(i int) {
					dx[i] = float32(gain[k]*rstd) * (dy[i] - g - float32(float32((x[i]-mean)*rstd)*gx))
				})
			}
		})
		return nil
	})
	register("batch_norm.train.dparams", func(d *Device, a kernel.BatchNorm, out, in []accel.Tensor) error {
		if err := arity(out, in, 1, 2); err != nil {
			return err
		}
		packed, x, dy := f32(out[0]), f32(in[0]), f32(in[1])
		b, c := in[0].Shape[0], in[0].Shape[1]
		means, rstds := make([]float32, c), make([]float32, c)
		d.pool.run(c, 1, func(lo, hi int) {
			for k := lo; k < hi; k++ {
				mean, variance := batchMoments(x, b, c, k)
				means[k], rstds[k] = mean, reciprocal(variance, a.Eps)
			}
		})
		channelSums(d, packed, x, dy, b, c, func(_, k int) (float32, float32) { return means[k], rstds[k] })
		return nil
	})
	register("batch_norm.eval", func(d *Device, a kernel.BatchNorm, out, in []accel.Tensor) error {
		if err := arity(out, in, 1, 5); err != nil {
			return err
		}
		y, x, gain, bias, mean, variance := f32(out[0]), f32(in[0]), f32(in[1]), f32(in[2]), f32(in[3]), f32(in[4])
		b, c := in[0].Shape[0], in[0].Shape[1]
		d.pool.run(c, 1, func(lo, hi int) {
			for k := lo; k < hi; k++ {
				scaleChannel(y, x, b, c, k, mean[k], reciprocal(variance[k], a.Eps), gain[k], bias[k])
			}
		})
		return nil
	})
	register("batch_norm.eval.dx", func(d *Device, a kernel.BatchNorm, out, in []accel.Tensor) error {
		if err := arity(out, in, 1, 3); err != nil {
			return err
		}
		dx, gain, variance, dy := f32(out[0]), f32(in[0]), f32(in[1]), f32(in[2])
		b, c := out[0].Shape[0], out[0].Shape[1]
		d.pool.run(c, 1, func(lo, hi int) {
			for k := lo; k < hi; k++ {
				f := gain[k] * reciprocal(variance[k], a.Eps)
				eachInChannel(b, c, k, len(dx), func(i int) { dx[i] = dy[i] * f })
			}
		})
		return nil
	})
	register("batch_norm.eval.dparams", func(d *Device, a kernel.BatchNorm, out, in []accel.Tensor) error {
		if err := arity(out, in, 1, 4); err != nil {
			return err
		}
		packed, x, mean, variance, dy := f32(out[0]), f32(in[0]), f32(in[1]), f32(in[2]), f32(in[3])
		channelSums(d, packed, x, dy, in[0].Shape[0], in[0].Shape[1], func(_, k int) (float32, float32) {
			return mean[k], reciprocal(variance[k], a.Eps)
		})
		return nil
	})
}

func reciprocal(variance, eps float32) float32 {
	return float32(1 / math.Sqrt(float64(variance)+float64(eps)))
}

// batchMoments are the mean and biased variance of channel k of x [B, C, positions], in two passes.
func batchMoments(x []float32, b, c, k int) (mean, variance float32) {
	n := float32(len(x) / c)
	mean = channelSum(b, c, k, len(x), func(i int) float32 { return x[i] }) / n
	variance = channelSum(b, c, k, len(x), func(i int) float32 { return float32((x[i] - mean) * (x[i] - mean)) }) / n
	return mean, variance
}

// channelSum adds the 16-lane sums of the samples in order.
func channelSum(b, c, k, size int, at func(i int) float32) float32 {
	positions := size / b / c
	var sum float32
	for s := range b {
		start := (s*c + k) * positions
		sum += sum16(positions, func(i int) float32 { return at(start + i) })
	}
	return sum
}

func eachInChannel(b, c, k, size int, f func(i int)) {
	positions := size / b / c
	for s := range b {
		start := (s*c + k) * positions
		for i := start; i < start+positions; i++ {
			f(i)
		}
	}
}

func scaleChannel(y, x []float32, b, c, k int, mean, rstd, gain, bias float32) {
	eachInChannel(b, c, k, len(x), func(i int) {
		y[i] = float32(float32((x[i]-mean)*rstd)*gain) + bias
	})
}
