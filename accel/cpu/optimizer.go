package cpu

import (
	"math"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/kernel"
)

func init() {
	register("adamw", func(d *Device, a kernel.AdamW, out, in []accel.Tensor) error {
		if err := arity(out, in, 3, 1); err != nil {
			return err
		}
		p, m, v, g := f32(out[0]), f32(out[1]), f32(out[2]), f32(in[0])
		correct1 := 1 - math.Pow(float64(a.Beta1), float64(a.Step))
		correct2 := 1 - math.Pow(float64(a.Beta2), float64(a.Step))
		rate, root := float32(float64(a.LR)/correct1), float32(1/math.Sqrt(correct2))
		decay := 1 - a.LR*a.WeightDecay
		d.pool.run(len(p), elementGrain, func(lo, hi int) {
			for i := lo; i < hi; i++ {
				gi := g[i] * a.Scale
				m[i] = float32(a.Beta1*m[i]) + float32((1-a.Beta1)*gi)
				v[i] = float32(a.Beta2*v[i]) + float32((1-a.Beta2)*float32(gi*gi))
				denominator := float32(float32(math.Sqrt(float64(v[i])))*root) + a.Eps
				p[i] = float32(p[i]*decay) - float32(rate*(m[i]/denominator))
			}
		})
		return nil
	})
	register("sgd", func(d *Device, a kernel.SGD, out, in []accel.Tensor) error {
		if err := arity(out, in, 2, 1); err != nil {
			return err
		}
		p, m, g := f32(out[0]), f32(out[1]), f32(in[0])
		d.pool.run(len(p), elementGrain, func(lo, hi int) {
			for i := lo; i < hi; i++ {
				gi := float32(a.Scale*g[i]) + float32(a.WeightDecay*p[i])
				m[i] = float32(a.Momentum*m[i]) + gi
				p[i] -= float32(a.LR * m[i])
			}
		})
		return nil
	})
}
