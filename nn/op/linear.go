package op

import (
	"errors"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/accel/kernel"
)

// Linear is y = x w^T + b over the last dimension: x [..., K], w [M, K], b [M] or nil, y [..., M]. Weights lie
// as in PyTorch. Sums run along K in order with fused multiply-add. Backward saves x and w.
func Linear(x, w, b *gorgonia.Node) (*gorgonia.Node, error) {
	return apply("linear", kernel.Linear{}, x, w, b)
}

func init() {
	register(Def[kernel.Linear]{
		Name: "linear",
		In:   []Operand{{Name: "x"}, {Name: "w"}, {Name: "b", Optional: true}},
		Shape: func(_ kernel.Linear, in []tensor.Shape) (tensor.Shape, error) {
			x, w := in[0], in[1]
			switch {
			case len(x) == 0 || len(w) != 2 || x[len(x)-1] != w[1]:
				return nil, errors.New("w must be [M, K] with x [..., K]")
			case len(in) == 3 && !in[2].Eq(tensor.Shape{w[0]}):
				return nil, errors.New("b must be [M] with w [M, K]")
			}
			return append(x[:len(x)-1].Clone(), w[0]), nil
		},
		Ref: func(_ kernel.Linear, in []Array, out Array) {
			rows, m := out.Rows()
			for i := range rows {
				for j := range m {
					s := 0.0
					if len(in) == 3 {
						s = in[2].Data[j]
					}
					for k, x := range in[0].Row(i) {
						s += x * in[1].Row(j)[k]
					}
					out.Row(i)[j] = s
				}
			}
		},
		Backward: func(b *Back, a kernel.Linear) {
			x, w := b.In[0], b.In[1]
			b.Grad(0, b.Call("linear.dx", a, x.Shape(), b.DY, w))
			b.Grad(1, b.Call("linear.dw", a, w.Shape(), x, b.DY))
			b.Grad(2, b.Call("linear.db", a, w.Shape()[:1], b.DY))
		},
	})
	register(Def[kernel.Linear]{Name: "linear.dx", In: []Operand{{Name: "dy"}, {Name: "w"}}})
	register(Def[kernel.Linear]{Name: "linear.dw", In: []Operand{{Name: "x"}, {Name: "dy"}}})
	register(Def[kernel.Linear]{Name: "linear.db", In: []Operand{{Name: "dy"}}})
}
