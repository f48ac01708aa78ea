package op

import (
	"fmt"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/accel"
)

// view is a part of a packed result: accel.Volume(shape) elements from Offset on. It has no gradient: results are
// packed where nobody differentiates them, in gradients and in batch statistics.
type view struct{ Offset int }

// View is the tensor of the given shape that starts at element offset of x's memory, which may reach behind
// x's own elements into what its kernel stores there. It costs nothing.
func View(x *gorgonia.Node, offset int, shape ...int) (*gorgonia.Node, error) {
	return applyTo("view", view{offset}, shape, x)
}

// reshape has no attributes: the shape is the output's.
type reshape struct{}

// Reshape is x with another shape of as many elements, in row-major order. One dimension may be -1 and is then
// inferred. It costs nothing: the result is x's memory.
func Reshape(x *gorgonia.Node, shape ...int) (*gorgonia.Node, error) {
	if x == nil {
		return nil, fmt.Errorf("reshape: input x is missing")
	}
	out, hole, rest := tensor.Shape(shape).Clone(), -1, 1
	for i, d := range out {
		if d == -1 && hole < 0 {
			hole = i
		} else {
			rest *= d
		}
	}
	if n := accel.Volume(x.Shape()); hole >= 0 && rest > 0 && n%rest == 0 {
		out[hole] = n / rest
	}
	return applyTo("reshape", reshape{}, out, x)
}

func init() {
	register(Def[view]{
		Name: "view",
		In:   []Operand{{Name: "x", NoGrad: true}},
		Fit: func(a view, in []tensor.Shape, out tensor.Shape) error {
			if a.Offset < 0 {
				return fmt.Errorf("offset %d", a.Offset)
			}
			return nil
		},
		Alias: func(a view, _ []tensor.Shape) int { return a.Offset },
	})
	register(Def[reshape]{
		Name: "reshape",
		In:   []Operand{{Name: "x"}},
		Fit: func(_ reshape, in []tensor.Shape, out tensor.Shape) error {
			if accel.Volume(in[0]) != accel.Volume(out) {
				return fmt.Errorf("cannot have shape %v", []int(out))
			}
			return nil
		},
		Alias: func(reshape, []tensor.Shape) int { return 0 },
		Backward: func(b *Back, _ reshape) {
			b.Grad(0, b.Keep(func() (*gorgonia.Node, error) { return Reshape(b.DY, b.In[0].Shape()...) }))
		},
	})
}
