package cpu

import (
	"math"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/internal/operand"
	"github.com/pipe-ml/pipe/accel/kernel"
)

func init() {
	register("over_norm", func(d *Device, _ kernel.OverNorm, out, in []accel.Tensor) error {
		if err := operand.Arity(out, in, 1, 2); err != nil {
			return err
		}
		y, m, v := f32(out[0]), f32(in[0]), f32(in[1])
		if err := operand.VectorOf(len(y), in[0]); err != nil || len(y) == 0 {
			return err
		}
		n := len(v) / len(y)
		if err := operand.VectorOf(n*len(y), in[1]); err != nil {
			return err
		}
		d.pool.run(len(y), grain(n), func(lo, hi int) {
			for i := lo; i < hi; i++ {
				y[i] = 0
				if norm := norm64(v[i*n : (i+1)*n]); norm > 0 {
					y[i] = m[i] / norm
				}
			}
		})
		return nil
	})
}

// norm64 is the Euclidean norm of x, its squares, which are exact, added in order.
func norm64(x []float32) float32 {
	sum := 0.0
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return float32(math.Sqrt(sum))
}
