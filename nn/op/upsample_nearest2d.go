package op

import (
	"errors"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/accel/kernel"
)

// UpsampleNearest2d repeats each pixel scale times in both directions: x [B, C, H, W], y [B, C, H*scale, W*scale]. The gradient is
// the sum over each block.
func UpsampleNearest2d(x *gorgonia.Node, scale int) (*gorgonia.Node, error) {
	return apply("upsample_nearest2d", kernel.UpsampleNearest2d{Scale: scale}, x)
}

func init() {
	register(Def[kernel.UpsampleNearest2d]{
		Name: "upsample_nearest2d",
		In:   []Operand{{Name: "x"}},
		Shape: func(a kernel.UpsampleNearest2d, in []tensor.Shape) (tensor.Shape, error) {
			x := in[0]
			if len(x) != 4 || a.Scale < 1 {
				return nil, errors.New("x must be [B, C, H, W] and the scale positive")
			}
			return tensor.Shape{x[0], x[1], x[2] * a.Scale, x[3] * a.Scale}, nil
		},
		Ref: func(a kernel.UpsampleNearest2d, in []Array, out Array) {
			h, w := out.Shape[2], out.Shape[3]
			for i := range out.Data {
				x, y, plane := i%w, i/w%h, i/w/h
				out.Data[i] = in[0].Data[(plane*h/a.Scale+y/a.Scale)*(w/a.Scale)+x/a.Scale]
			}
		},
		Backward: func(b *Back, a kernel.UpsampleNearest2d) {
			b.Grad(0, b.Call("upsample_nearest2d.dx", a, b.In[0].Shape(), b.DY))
		},
	})
	register(Def[kernel.UpsampleNearest2d]{Name: "upsample_nearest2d.dx", In: []Operand{{Name: "dy"}}})
}
