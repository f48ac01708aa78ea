package cpu

import (
	"fmt"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/internal/operand"
	"github.com/pipe-ml/pipe/accel/kernel"
)

func init() {
	register("concat", concat)
	register("slice", func(d *Device, a kernel.Slice, out, in []accel.Tensor) error {
		part, whole, at, err := slicing(a, out, in, false)
		if err != nil {
			return err
		}
		y, x := f32(out[0]), f32(in[0])
		d.pool.run(len(y)/part, grain(part), func(lo, hi int) {
			for i := lo; i < hi; i++ {
				copy(y[i*part:(i+1)*part], x[i*whole+at:])
			}
		})
		return nil
	})
	register("slice.dx", func(d *Device, a kernel.Slice, out, in []accel.Tensor) error {
		part, whole, at, err := slicing(a, out, in, true)
		if err != nil {
			return err
		}
		dx, dy := f32(out[0]), f32(in[0])
		d.pool.run(len(dy)/part, grain(whole), func(lo, hi int) {
			for i := lo; i < hi; i++ {
				row := dx[i*whole : (i+1)*whole]
				clear(row[:at])
				copy(row[at:], dy[i*part:(i+1)*part])
				clear(row[at+part:])
			}
		})
		return nil
	})
}

// concat joins the inputs, each seen as rows of all that lies behind the axis.
func concat(d *Device, a kernel.Concat, out, in []accel.Tensor) error {
	if len(out) != 1 || len(in) == 0 || a.Axis < 0 || a.Axis >= len(out[0].Shape) {
		return fmt.Errorf("axis %d with %d inputs", a.Axis, len(in))
	}
	whole, at := accel.Volume(out[0].Shape[a.Axis:]), 0
	n := out[0].Len() / max(whole, 1)
	for _, t := range in {
		if len(t.Shape) != len(out[0].Shape) || accel.Volume(t.Shape[:a.Axis]) != n {
			return fmt.Errorf("input %v does not fit", t.Shape)
		}
		at += accel.Volume(t.Shape[a.Axis:])
	}
	if at != whole {
		return fmt.Errorf("the inputs have %d elements a row, the output %d", at, whole)
	}
	y, at := f32(out[0]), 0
	for _, t := range in {
		x, part, first := f32(t), accel.Volume(t.Shape[a.Axis:]), at
		d.pool.run(n, grain(part), func(lo, hi int) {
			for i := lo; i < hi; i++ {
				copy(y[i*whole+first:i*whole+first+part], x[i*part:])
			}
		})
		at += part
	}
	return nil
}

// slicing returns the row lengths of the part and the whole and where the part begins in a row. The part is the input if
// scatter is set, else the output.
func slicing(a kernel.Slice, out, in []accel.Tensor, scatter bool) (part, whole, at int, err error) {
	if err := operand.Arity(out, in, 1, 1); err != nil {
		return 0, 0, 0, err
	}
	p, w := out[0].Shape, in[0].Shape
	if scatter {
		p, w = w, p
	}
	if len(p) != len(w) || a.Axis < 0 || a.Axis >= len(p) || accel.Volume(p[:a.Axis]) != accel.Volume(w[:a.Axis]) ||
		accel.Volume(p[a.Axis+1:]) != accel.Volume(w[a.Axis+1:]) || a.Start < 0 || a.Start+p[a.Axis] > w[a.Axis] {
		return 0, 0, 0, fmt.Errorf("axis %d from %d: the part leaves the whole", a.Axis, a.Start)
	}
	behind := accel.Volume(p[a.Axis+1:])
	return p[a.Axis] * behind, w[a.Axis] * behind, a.Start * behind, nil
}
