package cpu

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

// one is a matrix of ones of any size: sums of columns are products with it.
var one = matrix{data: []float32{1}}

// linear is the product of x [rows x K] and w^T, which starts from the bias.
func linear(d *Device, _ kernel.Linear, out, in []accel.Tensor) error {
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
	g := gemm{m: n, n: m, k: k, a: matrix{f32(in[0]), k, 1}, b: matrix{f32(in[1]), 1, k}, c: f32(out[0]), ldc: m}
	if len(in) == 3 {
		if err := operand.VectorOf(m, in[2]); err != nil {
			return err
		}
		g.colBias = f32(in[2])
	}
	d.multiply(&g)
	return nil
}

// linearDx is the product of dy [rows x M] and w.
func linearDx(d *Device, _ kernel.Linear, out, in []accel.Tensor) error {
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
	d.multiply(&gemm{m: n, n: k, k: m, a: matrix{f32(in[0]), m, 1}, b: matrix{f32(in[1]), k, 1}, c: f32(out[0]), ldc: k})
	return nil
}

// linearDw is the product of dy^T and x, in order of rows.
func linearDw(d *Device, _ kernel.Linear, out, in []accel.Tensor) error {
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
	d.multiply(&gemm{m: m, n: k, k: n, a: matrix{f32(in[1]), 1, m}, b: matrix{f32(in[0]), k, 1}, c: f32(out[0]), ldc: k})
	return nil
}

// linearDb sums the rows of dy in order.
func linearDb(d *Device, _ kernel.Linear, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 1, 1); err != nil {
		return err
	}
	n, m := operand.Rows(in[0])
	if err := operand.VectorOf(m, out[0]); err != nil {
		return err
	}
	d.multiply(&gemm{m: 1, n: m, k: n, a: one, b: matrix{f32(in[0]), m, 1}, c: f32(out[0]), ldc: m})
	return nil
}
