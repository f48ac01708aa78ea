//go:build nvidia

package cuda

import (
	"slices"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/internal/operand"
	"github.com/pipe-ml/pipe/accel/kernel"
)

func init() {
	register("add", func(l *launch, _ kernel.Add, out, in []accel.Tensor) error { return pairwise(l, "add", out, in) })
	register("mul", func(l *launch, _ kernel.Mul, out, in []accel.Tensor) error { return pairwise(l, "mul", out, in) })
	register("scale", scale)
	register("expand", expand)
}

// pairwise computes y = a op b with b repeated to a's shape.
func pairwise(l *launch, function string, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 1, 2); err != nil {
		return err
	}
	y, a, b := out[0], in[0], in[1]
	n := y.Len()
	if err := operand.VectorOf(n, a); err != nil {
		return err
	}
	if slices.Equal(a.Shape, b.Shape) {
		return l.run(function, each(n), y, a, b, n)
	}
	w, err := repeated(a.Shape, b.Shape)
	if err != nil {
		return err
	}
	return l.run(function+"_repeated", each(n), append([]any{y, a, b, n}, w.args()...)...)
}

func scale(l *launch, a kernel.Scale, out, in []accel.Tensor) error {
	if err := operand.SameShape(out, in, 1); err != nil {
		return err
	}
	n := out[0].Len()
	return l.run("scale", each(n), out[0], in[0], a.Factor, n)
}

func expand(l *launch, _ kernel.Expand, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 1, 1); err != nil {
		return err
	}
	w, err := repeated(out[0].Shape, in[0].Shape)
	if err != nil {
		return err
	}
	n := out[0].Len()
	return l.run("walked", each(n), append([]any{out[0], in[0], n}, w.args()...)...)
}
