package op

import (
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/accel/kernel"
)

// Mul is y = a * b, elementwise. a [...]; b has a's rank and each of its dimensions is a's or 1, and is then
// repeated. Backward saves a and b; the gradient of b is summed over the repeated dimensions.
func Mul(a, b *gorgonia.Node) (*gorgonia.Node, error) { return apply("mul", kernel.Mul{}, a, b) }

func init() {
	register(Def[kernel.Mul]{
		Name:  "mul",
		In:    []Operand{{Name: "a"}, {Name: "b"}},
		Shape: func(_ kernel.Mul, in []tensor.Shape) (tensor.Shape, error) { return repeats(in[0], in[1]) },
		Ref: func(_ kernel.Mul, in []Array, out Array) {
			b := repeated(in[1], out.Shape)
			for i, v := range in[0].Data {
				out.Data[i] = v * b.Data[i]
			}
		},
		Backward: func(b *Back, _ kernel.Mul) {
			x, y := b.In[0], b.In[1]
			b.Grad(0, b.Keep(func() (*gorgonia.Node, error) { return Mul(b.DY, y) }))
			b.Grad(1, b.ReduceTo(b.Keep(func() (*gorgonia.Node, error) { return Mul(b.DY, x) }), y.Shape()))
		},
	})
}
