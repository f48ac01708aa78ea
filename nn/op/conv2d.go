package op

import (
	"errors"
	"fmt"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/kernel"
)

// Conv2d is the cross-correlation of x [B, C, H, W] with w [O, C/groups, KH, KW] plus b [O] or nil: y [B, O, OH, OW],
// OH = (H + padding - KH) / stride + 1. Sums run over input channels, then the window in row-major order, with
// fused multiply-add. Backward saves x and w. A zero stride or group count means 1.
func Conv2d(x, w, b *gorgonia.Node, a kernel.Conv2d) (*gorgonia.Node, error) {
	a.StrideH, a.StrideW, a.Groups = max(a.StrideH, 1), max(a.StrideW, 1), max(a.Groups, 1)
	return apply("conv2d", a, x, w, b)
}

func init() {
	register(Def[kernel.Conv2d]{
		Name:  "conv2d",
		In:    []Operand{{Name: "x"}, {Name: "w"}, {Name: "b", Optional: true}},
		Shape: conv2dShape,
		Ref: func(a kernel.Conv2d, in []Array, out Array) {
			if len(in) == 3 {
				positions := accel.Volume(out.Shape[2:])
				for i := range out.Data {
					out.Data[i] = in[2].Data[i/positions%out.Shape[1]]
				}
			}
			conv2dTaps(a, in[0].Shape, in[1].Shape, out.Shape, func(x, w, y int) {
				out.Data[y] += in[0].Data[x] * in[1].Data[w]
			})
		},
		Backward: func(b *Back, a kernel.Conv2d) {
			x, w := b.In[0], b.In[1]
			b.Grad(0, b.Call("conv2d.dx", a, x.Shape(), b.DY, w))
			b.Grad(1, b.Call("conv2d.dw", a, w.Shape(), x, b.DY))
			b.Grad(2, b.Call("conv2d.db", a, w.Shape()[:1], b.DY))
		},
	})
	register(Def[kernel.Conv2d]{Name: "conv2d.dx", In: []Operand{{Name: "dy"}, {Name: "w"}}})
	register(Def[kernel.Conv2d]{Name: "conv2d.dw", In: []Operand{{Name: "x"}, {Name: "dy"}}})
	register(Def[kernel.Conv2d]{Name: "conv2d.db", In: []Operand{{Name: "dy"}}})
}

func conv2dShape(a kernel.Conv2d, in []tensor.Shape) (tensor.Shape, error) {
	x, w := in[0], in[1]
	switch {
	case len(x) != 4 || len(w) != 4:
		return nil, errors.New("x must be [B, C, H, W] and w [O, C/groups, KH, KW]")
	case x[1] != w[1]*a.Groups || w[0]%a.Groups != 0:
		return nil, fmt.Errorf("%d groups do not split the channels", a.Groups)
	case len(in) == 3 && !in[2].Eq(w[:1]):
		return nil, errors.New("b must be [O] with w [O, ...]")
	case a.PadTop < 0 || a.PadLeft < 0 || a.PadBottom < 0 || a.PadRight < 0:
		return nil, errors.New("padding is negative")
	}
	h, wd := x[2]+a.PadTop+a.PadBottom-w[2], x[3]+a.PadLeft+a.PadRight-w[3]
	if h < 0 || wd < 0 {
		return nil, errors.New("the window is larger than the padded image")
	}
	return tensor.Shape{x[0], w[0], h/a.StrideH + 1, wd/a.StrideW + 1}, nil
}

// conv2dTaps calls f with the elements of x, w and y that meet in each product.
func conv2dTaps(a kernel.Conv2d, xs, ws, ys []int, f func(x, w, y int)) {
	perGroup := ys[1] / a.Groups
	for i := range accel.Volume(ys) {
		ox, oy, o, b := i%ys[3], i/ys[3]%ys[2], i/ys[3]/ys[2]%ys[1], i/ys[3]/ys[2]/ys[1]
		for j := range accel.Volume(ws[1:]) {
			kx, ky, c := j%ws[3], j/ws[3]%ws[2], j/ws[3]/ws[2]
			iy, ix := oy*a.StrideH+ky-a.PadTop, ox*a.StrideW+kx-a.PadLeft
			if iy < 0 || iy >= xs[2] || ix < 0 || ix >= xs[3] {
				continue
			}
			f(((b*xs[1]+o/perGroup*ws[1]+c)*xs[2]+iy)*xs[3]+ix, o*accel.Volume(ws[1:])+j, i)
		}
	}
}
