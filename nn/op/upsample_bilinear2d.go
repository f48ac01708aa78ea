package op

import (
	"errors"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/accel/kernel"
)

// UpsampleBilinear2d interpolates x [B, C, H, W] linearly in both directions to y [B, C, h, w], as
// torch.nn.functional.interpolate(mode="bilinear", align_corners=False). Output i of n lies at max(0, (i + 1/2) H/n - 1/2).
func UpsampleBilinear2d(x *gorgonia.Node, h, w int) (*gorgonia.Node, error) {
	if x == nil || x.Dims() != 4 {
		return nil, errors.New("upsample_bilinear2d: x must be [B, C, H, W]")
	}
	s := x.Shape()
	return applyTo("upsample_bilinear2d", kernel.UpsampleBilinear2d{}, tensor.Shape{s[0], s[1], h, w}, x)
}

func init() {
	register(Def[kernel.UpsampleBilinear2d]{
		Name: "upsample_bilinear2d",
		In:   []Operand{{Name: "x"}},
		Fit: func(_ kernel.UpsampleBilinear2d, in []tensor.Shape, out tensor.Shape) error {
			if len(in[0]) != 4 || len(out) != 4 || in[0][0] != out[0] || in[0][1] != out[1] {
				return errors.New("x must be [B, C, H, W] and y [B, C, h, w]")
			}
			return nil
		},
		Ref: func(_ kernel.UpsampleBilinear2d, in []Array, out Array) {
			h, w, oh, ow := in[0].Shape[2], in[0].Shape[3], out.Shape[2], out.Shape[3]
			for i := range out.Data {
				y0, y1, fy := between(i/ow%oh, h, oh)
				x0, x1, fx := between(i%ow, w, ow)
				at := func(y, x int) float64 { return in[0].Data[(i/ow/oh*h+y)*w+x] }
				out.Data[i] = (1-fy)*((1-fx)*at(y0, x0)+fx*at(y0, x1)) + fy*((1-fx)*at(y1, x0)+fx*at(y1, x1))
			}
		},
		Backward: func(b *Back, a kernel.UpsampleBilinear2d) {
			b.Grad(0, b.Call("upsample_bilinear2d.dx", a, b.In[0].Shape(), b.DY))
		},
	})
	register(Def[kernel.UpsampleBilinear2d]{Name: "upsample_bilinear2d.dx", In: []Operand{{Name: "dy"}}})
}

// between are the elements of n between which output i of m lies, and the share of the second.
func between(i, n, m int) (first, second int, share float64) {
	at := max(0, (float64(i)+.5)*float64(n)/float64(m)-.5)
	first = min(int(at), n-1)
	return first, min(first+1, n-1), at - float64(first)
}
