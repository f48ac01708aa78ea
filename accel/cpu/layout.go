package cpu

import (
	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/kernel"
)

func init() {
	register("permute", func(d *Device, a kernel.Permute, out, in []accel.Tensor) error {
		if err := arity(out, in, 1, 1); err != nil {
			return err
		}
		y, x := f32(out[0]), f32(in[0])
		from, strides := contiguous(in[0].Shape), make([]int, a.N)
		for i := range strides {
			strides[i] = from[a.Perm[i]]
		}
		d.pool.run(len(y), elementGrain, func(lo, hi int) {
			walk(out[0].Shape, strides, lo, hi, func(i, j int) { y[i] = x[j] })
		})
		return nil
	})
	register("concat", func(d *Device, a kernel.Concat, out, in []accel.Tensor) error {
		y, at := f32(out[0]), 0
		whole := inner(out[0].Shape, a.Axis)
		for _, t := range in {
			x, part := f32(t), inner(t.Shape, a.Axis)
			for i := range len(x) / part {
				copy(y[i*whole+at:], x[i*part:(i+1)*part])
			}
			at += part
		}
		return nil
	})
	register("slice", func(d *Device, a kernel.Slice, out, in []accel.Tensor) error {
		if err := arity(out, in, 1, 1); err != nil {
			return err
		}
		y, x := f32(out[0]), f32(in[0])
		part, whole := inner(out[0].Shape, a.Axis), inner(in[0].Shape, a.Axis)
		at := a.Start * part / out[0].Shape[a.Axis]
		for i := range len(y) / part {
			copy(y[i*part:(i+1)*part], x[i*whole+at:])
		}
		return nil
	})
	register("slice.dx", func(d *Device, a kernel.Slice, out, in []accel.Tensor) error {
		if err := arity(out, in, 1, 1); err != nil {
			return err
		}
		dx, dy := f32(out[0]), f32(in[0])
		part, whole := inner(in[0].Shape, a.Axis), inner(out[0].Shape, a.Axis)
		at := a.Start * part / in[0].Shape[a.Axis]
		clear(dx)
		for i := range len(dy) / part {
			copy(dx[i*whole+at:], dy[i*part:(i+1)*part])
		}
		return nil
	})
}

// inner is the number of elements of one step of the dimension before axis.
func inner(shape []int, axis int) int {
	n := 1
	for _, s := range shape[axis:] {
		n *= s
	}
	return n
}
