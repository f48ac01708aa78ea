package op

import (
	"errors"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/kernel"
)

// GlobalAvgPool2d is the mean over positions: x [B, C, H, W], y [B, C].
func GlobalAvgPool2d(x *gorgonia.Node) (*gorgonia.Node, error) {
	return apply("global_avg_pool2d", kernel.GlobalAvgPool2d{}, x)
}

func init() {
	register(Def[kernel.GlobalAvgPool2d]{
		Name: "global_avg_pool2d",
		In:   []Operand{{Name: "x"}},
		Shape: func(_ kernel.GlobalAvgPool2d, in []tensor.Shape) (tensor.Shape, error) {
			if len(in[0]) != 4 {
				return nil, errors.New("x must be [B, C, H, W]")
			}
			return in[0][:2].Clone(), nil
		},
		Ref: func(_ kernel.GlobalAvgPool2d, in []Array, out Array) {
			positions := accel.Volume(in[0].Shape[2:])
			for i, x := range in[0].Data {
				out.Data[i/positions] += x / float64(positions)
			}
		},
		Backward: func(b *Back, a kernel.GlobalAvgPool2d) {
			b.Grad(0, b.Call("global_avg_pool2d.dx", a, b.In[0].Shape(), b.DY))
		},
	})
	register(Def[kernel.GlobalAvgPool2d]{Name: "global_avg_pool2d.dx", In: []Operand{{Name: "dy"}}})
}
