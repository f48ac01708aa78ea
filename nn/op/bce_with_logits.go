package op

import (
	"errors"
	"math"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/accel/kernel"
)

// BCEWithLogits is the mean of -(w_c t log sigmoid(x) + (1-t) log(1 - sigmoid(x))) over the elements whose target is known:
// logits x and targets t [N, C], posWeight w [C], y []. A negative target is unknown and counts for nothing; with none
// known the loss is 0. It is PyTorch's BCEWithLogitsLoss with pos_weight, whose mean a mask restricts. No gradient reaches
// targets and weights.
func BCEWithLogits(logits, targets, posWeight *gorgonia.Node) (*gorgonia.Node, error) {
	return apply("bce_with_logits", kernel.BCEWithLogits{}, logits, targets, posWeight)
}

func init() {
	register(Def[kernel.BCEWithLogits]{
		Name: "bce_with_logits",
		In:   []Operand{{Name: "logits"}, {Name: "targets", NoGrad: true}, {Name: "pos_weight", NoGrad: true}},
		Shape: func(_ kernel.BCEWithLogits, in []tensor.Shape) (tensor.Shape, error) {
			if len(in[0]) != 2 || !in[1].Eq(in[0]) || !in[2].Eq(in[0][1:]) {
				return nil, errors.New("logits and targets must both be [N, C] and pos_weight [C]")
			}
			return tensor.Shape{}, nil
		},
		Ref: func(_ kernel.BCEWithLogits, in []Array, out Array) {
			known, sum, classes := 0, 0.0, len(in[2].Data)
			for i, x := range in[0].Data {
				t := in[1].Data[i]
				if t < 0 {
					continue
				}
				known++
				w := in[2].Data[i%classes]
				softplus := math.Log1p(math.Exp(-math.Abs(x))) + math.Max(-x, 0) // -log sigmoid(x)
				sum += w*t*softplus + (1-t)*(x+softplus)
			}
			if known > 0 {
				out.Data[0] = sum / float64(known)
			}
		},
		Backward: func(b *Back, a kernel.BCEWithLogits) {
			b.Grad(0, b.Call("bce_with_logits.dx", a, b.In[0].Shape(), b.In[0], b.In[1], b.In[2], b.DY))
		},
	})
	register(Def[kernel.BCEWithLogits]{
		Name: "bce_with_logits.dx", In: []Operand{{Name: "logits"}, {Name: "targets"}, {Name: "pos_weight"}, {Name: "dloss"}},
	})
}
