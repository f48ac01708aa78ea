package op

import (
	"errors"
	"math"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/kernel"
)

// MaxPool2d is the maximum of each window: x [B, C, H, W], y [B, C, OH, OW], OH = (H + 2 pad - kernel) / stride + 1. Padding is
// ignored. The gradient goes to the first maximum of a window in row-major order.
func MaxPool2d(x *gorgonia.Node, a kernel.Pool2d) (*gorgonia.Node, error) {
	return apply("max_pool2d", a, x)
}

func init() {
	register(Def[kernel.Pool2d]{
		Name:  "max_pool2d",
		In:    []Operand{{Name: "x"}},
		Shape: pool2dShape,
		Ref: func(a kernel.Pool2d, in []Array, out Array) {
			for i := range out.Data {
				out.Data[i] = math.Inf(-1)
			}
			pool2dTaps(a, in[0].Shape, out.Shape, func(x, y int) { out.Data[y] = math.Max(out.Data[y], in[0].Data[x]) })
		},
		Backward: func(b *Back, a kernel.Pool2d) {
			b.Grad(0, b.Call("max_pool2d.dx", a, b.In[0].Shape(), b.In[0], b.DY))
		},
	})
	register(Def[kernel.Pool2d]{Name: "max_pool2d.dx", In: []Operand{{Name: "x"}, {Name: "dy"}}})
}

func pool2dShape(a kernel.Pool2d, in []tensor.Shape) (tensor.Shape, error) {
	x := in[0]
	switch {
	case len(x) != 4:
		return nil, errors.New("x must be [B, C, H, W]")
	case a.Kernel < 1 || a.Stride < 1 || a.Pad < 0 || 2*a.Pad > a.Kernel:
		return nil, errors.New("the window and stride must be positive, the padding at most half the window")
	case x[2]+2*a.Pad < a.Kernel || x[3]+2*a.Pad < a.Kernel:
		return nil, errors.New("the window is larger than the padded image")
	}
	return tensor.Shape{x[0], x[1], (x[2]+2*a.Pad-a.Kernel)/a.Stride + 1, (x[3]+2*a.Pad-a.Kernel)/a.Stride + 1}, nil
}

// pool2dTaps calls f for every element x of a window with the window's output y.
func pool2dTaps(a kernel.Pool2d, xs, ys []int, f func(x, y int)) {
	for i := range accel.Volume(ys) {
		ox, oy, plane := i%ys[3], i/ys[3]%ys[2], i/ys[3]/ys[2]
		for k := range a.Kernel * a.Kernel {
			iy, ix := oy*a.Stride+k/a.Kernel-a.Pad, ox*a.Stride+k%a.Kernel-a.Pad
			if iy >= 0 && iy < xs[2] && ix >= 0 && ix < xs[3] {
				f((plane*xs[2]+iy)*xs[3]+ix, i)
			}
		}
	}
}
