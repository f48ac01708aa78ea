package op

import (
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/accel/kernel"
)

// Add is y = a + b. a [...]; b has a's rank and each of its dimensions is a's or 1, and is then repeated.
// The gradient of a is dy itself; that of b is dy summed over the repeated dimensions.
func Add(a, b *gorgonia.Node) (*gorgonia.Node, error) { return apply("add", kernel.Add{}, a, b) }

func init() {
	register(Def[kernel.Add]{
		Name:  "add",
		In:    []Operand{{Name: "a"}, {Name: "b"}},
		Shape: func(_ kernel.Add, in []tensor.Shape) (tensor.Shape, error) { return repeats(in[0], in[1]) },
		Ref: func(_ kernel.Add, in []Array, out Array) {
			b := repeated(in[1], out.Shape)
			for i, v := range in[0].Data {
				out.Data[i] = v + b.Data[i]
			}
		},
		Backward: func(b *Back, _ kernel.Add) {
			b.Grad(0, b.DY)
			b.Grad(1, b.ReduceTo(b.DY, b.In[1].Shape()))
		},
	})
}
