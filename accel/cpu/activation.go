package cpu

import (
	"math"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/kernel"
)

func init() {
	sigmoid := func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
	activation[kernel.ReLU]("relu", func(x float64) float64 { return max(x, 0) }, func(x float64) float64 {
		if x > 0 {
			return 1
		}
		return 0
	})
	activation[kernel.ReLU6]("relu6", func(x float64) float64 { return min(max(x, 0), 6) }, func(x float64) float64 {
		if x > 0 && x < 6 {
			return 1
		}
		return 0
	})
	activation[kernel.SiLU]("silu", func(x float64) float64 { return x * sigmoid(x) }, func(x float64) float64 {
		s := sigmoid(x)
		return s * (1 + x*(1-s))
	})
	activation[kernel.QuickGELU]("quick_gelu", func(x float64) float64 { return x * sigmoid(1.702*x) }, func(x float64) float64 {
		s := sigmoid(1.702 * x)
		return s * (1 + 1.702*x*(1-s))
	})
	activation[kernel.GELU]("gelu", func(x float64) float64 { return x / 2 * math.Erfc(-x/math.Sqrt2) }, func(x float64) float64 {
		return math.Erfc(-x/math.Sqrt2)/2 + x*math.Exp(-x*x/2)/math.Sqrt(2*math.Pi)
	})
	c := math.Sqrt(2 / math.Pi)
	activation[kernel.GELUTanh]("gelu_tanh", func(x float64) float64 {
		return x / 2 * (1 + math.Tanh(c*(x+0.044715*x*x*x)))
	}, func(x float64) float64 {
		t := math.Tanh(c * (x + 0.044715*x*x*x))
		return (1+t)/2 + x/2*(1-t*t)*c*(1+3*0.044715*x*x)
	})
}

func activation[A any](name string, f, df func(x float64) float64) {
	register(name, func(d *Device, _ A, out, in []accel.Tensor) error {
		if err := arity(out, in, 1, 1); err != nil {
			return err
		}
		y, x := f32(out[0]), f32(in[0])
		d.pool.run(len(y), elementGrain, func(lo, hi int) {
			for i := lo; i < hi; i++ {
				y[i] = float32(f(float64(x[i])))
			}
		})
		return nil
	})
	register(name+".dx", func(d *Device, _ A, out, in []accel.Tensor) error {
		if err := arity(out, in, 1, 2); err != nil {
			return err
		}
		dx, x, dy := f32(out[0]), f32(in[0]), f32(in[1])
		d.pool.run(len(dx), elementGrain, func(lo, hi int) {
			for i := lo; i < hi; i++ {
				dx[i] = float32(df(float64(x[i]))) * dy[i]
			}
		})
		return nil
	})
}
