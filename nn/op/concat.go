package op

import (
	"errors"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/accel/kernel"
)

// Concat joins tensors along axis; their other dimensions agree. As torch.cat.
func Concat(axis int, xs ...*gorgonia.Node) (*gorgonia.Node, error) {
	return apply("concat", kernel.Concat{Axis: axis}, xs...)
}

func init() {
	register(Def[kernel.Concat]{
		Name: "concat",
		In:   []Operand{{Name: "x", Variadic: true}},
		Shape: func(a kernel.Concat, in []tensor.Shape) (tensor.Shape, error) {
			out := in[0].Clone()
			if a.Axis < 0 || a.Axis >= len(out) {
				return nil, errors.New("the axis is not one of the inputs' dimensions")
			}
			for _, s := range in[1:] {
				if len(s) != len(out) {
					return nil, errors.New("the ranks differ")
				}
				for d := range s {
					if d != a.Axis && s[d] != out[d] {
						return nil, errors.New("dimensions beside the axis differ")
					}
				}
				out[a.Axis] += s[a.Axis]
			}
			return out, nil
		},
		Ref: func(a kernel.Concat, in []Array, out Array) {
			start := 0
			for _, x := range in {
				window(x, out, a.Axis, start, func(i, j int) { out.Data[j] = x.Data[i] })
				start += x.Shape[a.Axis]
			}
		},
		Backward: func(b *Back, a kernel.Concat) {
			start := 0
			for i, x := range b.In {
				length := x.Shape()[a.Axis]
				from := start
				b.Grad(i, b.Keep(func() (*gorgonia.Node, error) { return Slice(b.DY, a.Axis, from, length) }))
				start += length
			}
		},
	})
}

// window calls f for every element i of part with the element j of whole that it is when part lies in whole
// from start on along axis.
func window(part, whole Array, axis, start int, f func(i, j int)) {
	ps, ws := part.Strides(), whole.Strides()
	for i := range part.Data {
		j := start * ws[axis]
		for d, s := range ps {
			j += i / s % part.Shape[d] * ws[d]
		}
		f(i, j)
	}
}
