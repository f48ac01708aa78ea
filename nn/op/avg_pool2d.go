package op

import (
	"gorgonia.org/gorgonia"

	"github.com/pipe-ml/pipe/accel/kernel"
)

// AvgPool2d is the mean of each window, shapes as in MaxPool2d. Padding counts as zeros, PyTorch's
// count_include_pad, or not at all if a.ExcludePad.
func AvgPool2d(x *gorgonia.Node, a kernel.Pool2d) (*gorgonia.Node, error) {
	return apply("avg_pool2d", a, x)
}

func init() {
	register(Def[kernel.Pool2d]{
		Name:  "avg_pool2d",
		In:    []Operand{{Name: "x"}},
		Shape: pool2dShape,
		Ref: func(a kernel.Pool2d, in []Array, out Array) {
			counts := make([]float64, len(out.Data))
			pool2dTaps(a, in[0].Shape, out.Shape, func(x, y int) {
				out.Data[y] += in[0].Data[x]
				counts[y]++
			})
			for y := range out.Data {
				if !a.ExcludePad {
					counts[y] = float64(a.Kernel * a.Kernel)
				}
				out.Data[y] /= counts[y]
			}
		},
		Backward: func(b *Back, a kernel.Pool2d) {
			b.Grad(0, b.Call("avg_pool2d.dx", a, b.In[0].Shape(), b.DY))
		},
	})
	register(Def[kernel.Pool2d]{Name: "avg_pool2d.dx", In: []Operand{{Name: "dy"}}})
}
