package op

import (
	"errors"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/kernel"
)

// Embedding looks rows up: ids int32 [...], w [V, D], y [..., D]. An id outside [0, V) is an error of the run. Rows of
// the gradient are added in the order of ids.
func Embedding(ids, w *gorgonia.Node) (*gorgonia.Node, error) {
	return apply("embedding", kernel.Embedding{}, ids, w)
}

func init() {
	register(Def[kernel.Embedding]{
		Name: "embedding",
		In:   []Operand{{Name: "ids", Type: accel.Int32}, {Name: "w"}},
		Shape: func(_ kernel.Embedding, in []tensor.Shape) (tensor.Shape, error) {
			if len(in[1]) != 2 {
				return nil, errors.New("w must be [V, D]")
			}
			return append(in[0].Clone(), in[1][1]), nil
		},
		Ref: func(_ kernel.Embedding, in []Array, out Array) {
			for i, id := range in[0].Data {
				copy(out.Row(i), in[1].Row(int(id)))
			}
		},
		Backward: func(b *Back, a kernel.Embedding) {
			b.Grad(1, b.Call("embedding.dw", a, b.In[1].Shape(), b.In[0], b.DY))
		},
	})
	register(Def[kernel.Embedding]{Name: "embedding.dw", In: []Operand{{Name: "ids", Type: accel.Int32}, {Name: "dy"}}})
}
