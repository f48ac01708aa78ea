package cpu

import (
	"fmt"
	"math"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/kernel"
)

func init() {
	register("cross_entropy", func(_ *Device, a kernel.CrossEntropy, out, in []accel.Tensor) error {
		if err := arity(out, in, 1, 2); err != nil {
			return err
		}
		logits, labels := f32(in[0]), i32(in[1])
		classes := in[0].Shape[1]
		sum, counted := 0.0, 0
		for r, label := range labels {
			if int(label) >= classes {
				return fmt.Errorf("label %d of row %d is not one of %d classes", label, r, classes)
			}
			if label < 0 {
				continue
			}
			counted++
			row := logits[r*classes : (r+1)*classes]
			top, z := softmaxTerms(row)
			for c, v := range row {
				sum -= target(a.Smoothing, classes, c, int(label)) * (float64(v) - top - math.Log(z))
			}
		}
		f32(out[0])[0] = float32(sum / float64(max(counted, 1)))
		return nil
	})
	register("cross_entropy.dx", func(_ *Device, a kernel.CrossEntropy, out, in []accel.Tensor) error {
		if err := arity(out, in, 1, 3); err != nil {
			return err
		}
		dx, logits, labels, dloss := f32(out[0]), f32(in[0]), i32(in[1]), f32(in[2])[0]
		classes := in[0].Shape[1]
		counted := 0
		for _, label := range labels {
			if label >= 0 {
				counted++
			}
		}
		clear(dx)
		for r, label := range labels {
			if label < 0 {
				continue
			}
			row := logits[r*classes : (r+1)*classes]
			top, z := softmaxTerms(row)
			for c, v := range row {
				p := math.Exp(float64(v)-top) / z
				dx[r*classes+c] = float32((p - target(a.Smoothing, classes, c, int(label))) / float64(counted) * float64(dloss))
			}
		}
		return nil
	})
	register("mse_loss", func(_ *Device, _ kernel.MSELoss, out, in []accel.Tensor) error {
		if err := arity(out, in, 1, 2); err != nil {
			return err
		}
		pred, target := f32(in[0]), f32(in[1])
		f32(out[0])[0] = blockSum(len(pred), func(i int) float32 {
			return float32((pred[i] - target[i]) * (pred[i] - target[i]))
		}, float64(len(pred)))
		return nil
	})
	register("mse_loss.dx", func(d *Device, _ kernel.MSELoss, out, in []accel.Tensor) error {
		if err := arity(out, in, 1, 3); err != nil {
			return err
		}
		dx, pred, target := f32(out[0]), f32(in[0]), f32(in[1])
		factor := 2 * f32(in[2])[0] / float32(len(dx))
		d.pool.run(len(dx), elementGrain, func(lo, hi int) {
			for i := lo; i < hi; i++ {
				dx[i] = (pred[i] - target[i]) * factor
			}
		})
		return nil
	})
	register("sum_squares", func(_ *Device, _ kernel.SumSquares, out, in []accel.Tensor) error {
		if err := arity(out, in, 1, 1); err != nil {
			return err
		}
		x := f32(in[0])
		f32(out[0])[0] = blockSum(len(x), func(i int) float32 { return float32(x[i] * x[i]) }, 1)
		return nil
	})
}

// blockSum adds 16-lane sums of blocks in order, in float64, and divides.
func blockSum(n int, at func(i int) float32, by float64) float32 {
	const block = 4096
	sum := 0.0
	for lo := 0; lo < n; lo += block {
		sum += float64(sum16(min(block, n-lo), func(i int) float32 { return at(lo + i) }))
	}
	return float32(sum / by)
}

func softmaxTerms(row []float32) (top, z float64) {
	top = math.Inf(-1)
	for _, v := range row {
		top = max(top, float64(v))
	}
	for _, v := range row {
		z += math.Exp(float64(v) - top)
	}
	return top, z
}

func target(smoothing float32, classes, c, label int) float64 {
	t := float64(smoothing) / float64(classes)
	if c == label {
		t += 1 - float64(smoothing)
	}
	return t
}
