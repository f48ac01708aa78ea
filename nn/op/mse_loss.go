package op

import (
	"errors"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/accel/kernel"
)

// MSELoss is the mean of (pred - target)^2: pred and target [...], y []. No gradient reaches target.
func MSELoss(pred, target *gorgonia.Node) (*gorgonia.Node, error) {
	return apply("mse_loss", kernel.MSELoss{}, pred, target)
}

func init() {
	register(Def[kernel.MSELoss]{
		Name: "mse_loss",
		In:   []Operand{{Name: "pred"}, {Name: "target", NoGrad: true}},
		Shape: func(_ kernel.MSELoss, in []tensor.Shape) (tensor.Shape, error) {
			if !in[0].Eq(in[1]) {
				return nil, errors.New("pred and target must have one shape")
			}
			return tensor.Shape{}, nil
		},
		Ref: func(_ kernel.MSELoss, in []Array, out Array) {
			for i, v := range in[0].Data {
				d := v - in[1].Data[i]
				out.Data[0] += d * d / float64(len(in[0].Data))
			}
		},
		Backward: func(b *Back, a kernel.MSELoss) {
			b.Grad(0, b.Call("mse_loss.dx", a, b.In[0].Shape(), b.In[0], b.In[1], b.DY))
		},
	})
	register(Def[kernel.MSELoss]{Name: "mse_loss.dx", In: []Operand{{Name: "pred"}, {Name: "target"}, {Name: "dloss"}}})
}
