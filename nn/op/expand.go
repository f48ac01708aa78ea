package op

import (
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/accel/kernel"
)

// Expand repeats x over the dimensions in which its size is 1, to a shape of the same rank. Its gradient is
// summed over them.
func Expand(x *gorgonia.Node, shape ...int) (*gorgonia.Node, error) {
	return applyTo("expand", kernel.Expand{}, shape, x)
}

func init() {
	register(Def[kernel.Expand]{
		Name: "expand",
		In:   []Operand{{Name: "x"}},
		Fit: func(_ kernel.Expand, in []tensor.Shape, out tensor.Shape) error {
			_, err := repeats(out, in[0])
			return err
		},
		Ref: func(_ kernel.Expand, in []Array, out Array) { copy(out.Data, repeated(in[0], out.Shape).Data) },
		Backward: func(b *Back, _ kernel.Expand) {
			b.Grad(0, b.ReduceTo(b.DY, b.In[0].Shape()))
		},
	})
}
