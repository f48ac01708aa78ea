//go:build nvidia

package cuda

import (
	"fmt"
	"math"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/elementary"
	"github.com/pipe-ml/pipe/accel/kernel"
)

func init() {
	register("adamw", adamw)
	register("sgd", sgd)
	register("blend", blend)
}

func adamw(l *launch, a kernel.AdamW, out, in []accel.Tensor) error {
	if err := arity(out, in, 3, 1); err != nil {
		return err
	}
	n := in[0].Len()
	if err := vectorOf(n, out...); err != nil {
		return err
	}
	if a.Step < 1 {
		return fmt.Errorf("step %d, the first is 1", a.Step)
	}
	lr, b1, b2 := float64(a.LR), float64(a.Beta1), float64(a.Beta2)
	return l.run("adamw", each(n), out[0], out[1], out[2], in[0], n,
		a.Scale, float32(1-lr*float64(a.WeightDecay)), a.Beta1, float32(1-b1), a.Beta2, float32(1-b2),
		float32(1/math.Sqrt(1-elementary.Power(b2, a.Step))), a.Eps, float32(lr/(1-elementary.Power(b1, a.Step))))
}

func sgd(l *launch, a kernel.SGD, out, in []accel.Tensor) error {
	if err := arity(out, in, 2, 1); err != nil {
		return err
	}
	n := in[0].Len()
	if err := vectorOf(n, out...); err != nil {
		return err
	}
	nesterov := 0
	if a.Nesterov {
		nesterov = 1
	}
	return l.run("sgd", each(n), out[0], out[1], in[0], n, a.Scale, a.WeightDecay, a.Momentum, a.LR, nesterov)
}

func blend(l *launch, a kernel.Blend, out, in []accel.Tensor) error {
	if err := arity(out, in, 1, 1); err != nil {
		return err
	}
	n := in[0].Len()
	if err := vectorOf(n, out[0]); err != nil {
		return err
	}
	return l.run("blend", each(n), out[0], in[0], n, a.A, a.B)
}
