package op

import (
	"errors"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/kernel"
)

// Slice is the part of x with length elements from start on along axis, as torch.narrow. Its gradient is zero
// elsewhere. A part of the first dimension, or of one behind dimensions of 1, costs nothing: it is x's memory.
func Slice(x *gorgonia.Node, axis, start, length int) (*gorgonia.Node, error) {
	if x == nil || axis < 0 || axis >= x.Dims() {
		return nil, errors.New("slice: the axis is not one of x's dimensions")
	}
	out := x.Shape().Clone()
	out[axis] = length
	return applyTo("slice", kernel.Slice{Axis: axis, Start: start}, out, x)
}

func init() {
	register(Def[kernel.Slice]{
		Name: "slice",
		In:   []Operand{{Name: "x"}},
		Fit: func(a kernel.Slice, in []tensor.Shape, out tensor.Shape) error {
			if a.Start < 0 || out[a.Axis] < 1 || a.Start+out[a.Axis] > in[0][a.Axis] {
				return errors.New("the part does not lie within x")
			}
			return nil
		},
		Ref: func(a kernel.Slice, in []Array, out Array) {
			window(out, in[0], a.Axis, a.Start, func(i, j int) { out.Data[i] = in[0].Data[j] })
		},
		Alias: func(a kernel.Slice, in []tensor.Shape) int {
			if accel.Volume(in[0][:a.Axis]) > 1 {
				return -1
			}
			return a.Start * accel.Volume(in[0][a.Axis+1:])
		},
		Backward: func(b *Back, a kernel.Slice) {
			b.Grad(0, b.Call("slice.dx", a, b.In[0].Shape(), b.DY))
		},
	})
	register(Def[kernel.Slice]{Name: "slice.dx", In: []Operand{{Name: "dy"}}})
}
