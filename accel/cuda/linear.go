//go:build nvidia

package cuda

import (
	"errors"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/internal/operand"
	"github.com/pipe-ml/pipe/accel/kernel"
)

func init() {
	register("linear", linear)
	register("linear.dx", linearDx)
	register("linear.dw", linearDw)
	register("linear.db", linearDb)
}

// linear is the product of x [rows, K] and w^T.
func linear(l *launch, _ kernel.Linear, out, in []accel.Tensor) error {
	if len(out) != 1 || len(in) < 2 || len(in) > 3 {
		return errors.New("want 1 output and 2 or 3 inputs")
	}
	m, k, err := operand.LinearWeight(in[1])
	if err != nil {
		return err
	}
	n, cols := operand.Rows(in[0])
	if cols != k || out[0].Len() != n*m {
		return errors.New("the shapes must be x [..., K], w [M, K], y [..., M]")
	}
	p := product{m: n, n: m, k: k, a: matrix{in[0], k, 1, 0}, b: matrix{in[1], 1, k, 0}, c: matrix{out[0], m, 1, 0}, alpha: 1, count: 1}
	if len(in) == 3 {
		if err := operand.VectorOf(m, in[2]); err != nil {
			return err
		}
		p.bias = &in[2]
	}
	return l.multiply(p)
}

// linearDx is the product of dy [rows, M] and w.
func linearDx(l *launch, _ kernel.Linear, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 1, 2); err != nil {
		return err
	}
	m, k, err := operand.LinearWeight(in[1])
	if err != nil {
		return err
	}
	n, cols := operand.Rows(in[0])
	if cols != m || out[0].Len() != n*k {
		return errors.New("the shapes must be dy [..., M], w [M, K], dx [..., K]")
	}
	return l.multiply(product{m: n, n: k, k: m, a: matrix{in[0], m, 1, 0}, b: matrix{in[1], k, 1, 0}, c: matrix{out[0], k, 1, 0}, alpha: 1, count: 1})
}

// linearDw is the product of dy^T and x.
func linearDw(l *launch, _ kernel.Linear, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 1, 2); err != nil {
		return err
	}
	m, k, err := operand.LinearWeight(out[0])
	if err != nil {
		return err
	}
	n, cols := operand.Rows(in[0])
	if cols != k || in[1].Len() != n*m {
		return errors.New("the shapes must be x [..., K], dy [..., M], dw [M, K]")
	}
	return l.multiply(product{m: m, n: k, k: n, a: matrix{in[1], 1, m, 0}, b: matrix{in[0], k, 1, 0}, c: matrix{out[0], k, 1, 0}, alpha: 1, count: 1})
}

// linearDb sums the rows of dy.
func linearDb(l *launch, _ kernel.Linear, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 1, 1); err != nil {
		return err
	}
	n, m := operand.Rows(in[0])
	if err := operand.VectorOf(m, out[0]); err != nil {
		return err
	}
	return columnSums(l, out[0], in[0], n, m)
}
