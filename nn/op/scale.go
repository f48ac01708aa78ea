package op

import (
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/accel/kernel"
)

// Scale is y = c * x for a constant c. x and y [...].
func Scale(x *gorgonia.Node, c float32) (*gorgonia.Node, error) {
	return apply("scale", kernel.Scale{Factor: c}, x)
}

func init() {
	register(Def[kernel.Scale]{
		Name:  "scale",
		In:    []Operand{{Name: "x"}},
		Shape: func(_ kernel.Scale, in []tensor.Shape) (tensor.Shape, error) { return in[0], nil },
		Ref: func(a kernel.Scale, in []Array, out Array) {
			for i, v := range in[0].Data {
				out.Data[i] = float64(a.Factor) * v
			}
		},
		Backward: func(b *Back, a kernel.Scale) {
			b.Grad(0, b.Keep(func() (*gorgonia.Node, error) { return Scale(b.DY, a.Factor) }))
		},
	})
}
