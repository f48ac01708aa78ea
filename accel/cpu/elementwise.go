package cpu

import (
	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/internal/operand"
	"github.com/pipe-ml/pipe/accel/kernel"
)

func init() {
	register("add", func(d *Device, _ kernel.Add, out, in []accel.Tensor) error {
		return binary(d, out, in, d.level.add, d.level.shift)
	})
	register("mul", func(d *Device, _ kernel.Mul, out, in []accel.Tensor) error {
		return binary(d, out, in, d.level.mul, d.level.scale)
	})
	register("scale", func(d *Device, a kernel.Scale, out, in []accel.Tensor) error {
		if err := operand.SameShape(out, in, 1); err != nil {
			return err
		}
		y, x := f32(out[0]), f32(in[0])
		d.pool.run(len(y), elementGrain, func(lo, hi int) {
			d.level.scale(y[lo:hi], x[lo:hi], a.Factor)
		})
		return nil
	})
	register("expand", func(d *Device, _ kernel.Expand, out, in []accel.Tensor) error {
		if err := operand.Arity(out, in, 1, 1); err != nil {
			return err
		}
		g, err := groupsOf(out[0].Shape, in[0].Shape)
		if err != nil {
			return err
		}
		y, x := f32(out[0]), f32(in[0])
		g.eachRow(d, func(row, at int) {
			dst := y[row*g.cols : (row+1)*g.cols]
			if !g.repeated {
				copy(dst, x[at:])
				return
			}
			for i := range dst {
				dst[i] = x[at]
			}
		})
		return nil
	})
}

// binary computes y = a op b with b repeated to a's shape: vector joins two rows, scalar a row and a number.
func binary(d *Device, out, in []accel.Tensor, vector func(y, a, b []float32), scalar func(y, a []float32, b float32)) error {
	if err := operand.Arity(out, in, 1, 2); err != nil {
		return err
	}
	g, err := groupsOf(in[0].Shape, in[1].Shape)
	if err != nil {
		return err
	}
	y, a, b := f32(out[0]), f32(in[0]), f32(in[1])
	if err := operand.VectorOf(len(y), in[0]); err != nil {
		return err
	}
	if len(a) == len(b) {
		d.pool.run(len(y), elementGrain, func(lo, hi int) {
			vector(y[lo:hi], a[lo:hi], b[lo:hi])
		})
		return nil
	}
	g.eachRow(d, func(row, at int) {
		lo, hi := row*g.cols, (row+1)*g.cols
		if g.repeated {
			scalar(y[lo:hi], a[lo:hi], b[at])
		} else {
			vector(y[lo:hi], a[lo:hi], b[at:])
		}
	})
	return nil
}
