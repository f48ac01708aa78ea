package op

import (
	"errors"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/accel/kernel"
)

// SoftCrossEntropy is the mean over rows of -sum_c t_c log softmax(logits)_c: logits and targets [N, C], y []. Targets are any
// numbers from 0 on: a distribution for mixed images (timm's SoftTargetCrossEntropy), one scaled by the weights of
// the classes for PyTorch's cross_entropy with weight. No gradient reaches them.
func SoftCrossEntropy(logits, targets *gorgonia.Node) (*gorgonia.Node, error) {
	return apply("soft_cross_entropy", kernel.SoftCrossEntropy{}, logits, targets)
}

func init() {
	register(Def[kernel.SoftCrossEntropy]{
		Name: "soft_cross_entropy",
		In:   []Operand{{Name: "logits"}, {Name: "targets", NoGrad: true}},
		Shape: func(_ kernel.SoftCrossEntropy, in []tensor.Shape) (tensor.Shape, error) {
			if len(in[0]) != 2 || !in[1].Eq(in[0]) {
				return nil, errors.New("logits and targets must both be [N, C]")
			}
			return tensor.Shape{}, nil
		},
		Ref: func(_ kernel.SoftCrossEntropy, in []Array, out Array) {
			rows, _ := in[0].Rows()
			for i := range rows {
				logits, targets := in[0].Row(i), in[1].Row(i)
				whole := logSumExp(logits)
				for c, v := range logits {
					out.Data[0] -= targets[c] * (v - whole) / float64(rows)
				}
			}
		},
		Backward: func(b *Back, a kernel.SoftCrossEntropy) {
			b.Grad(0, b.Call("soft_cross_entropy.dx", a, b.In[0].Shape(), b.In[0], b.In[1], b.DY))
		},
	})
	register(Def[kernel.SoftCrossEntropy]{
		Name: "soft_cross_entropy.dx", In: []Operand{{Name: "logits"}, {Name: "targets"}, {Name: "dloss"}},
	})
}
