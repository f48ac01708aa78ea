package op

import (
	"errors"
	"math"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/kernel"
)

// LayerNorm is (x - mean) / sqrt(var + eps) * gain + bias over the last dimension (arXiv:1607.06450): x [..., C],
// gain [C], bias [C], y [..., C]. The variance is the biased one. Backward saves x and recomputes mean and
// variance. eps is 1e-5 in PyTorch, 1e-6 in timm's ViT.
func LayerNorm(x, gain, bias *gorgonia.Node, eps float32) (*gorgonia.Node, error) {
	return apply("layer_norm", kernel.LayerNorm{Eps: eps}, x, gain, bias)
}

func init() {
	register(Def[kernel.LayerNorm]{
		Name: "layer_norm",
		In:   []Operand{{Name: "x"}, {Name: "gain"}, {Name: "bias"}},
		Shape: func(_ kernel.LayerNorm, in []tensor.Shape) (tensor.Shape, error) {
			x := in[0]
			if len(x) == 0 || !in[1].Eq(x[len(x)-1:]) || !in[2].Eq(x[len(x)-1:]) {
				return nil, errors.New("gain and bias must be [C] with x [..., C]")
			}
			return x, nil
		},
		Ref: func(a kernel.LayerNorm, in []Array, out Array) {
			rows, _ := out.Rows()
			for i := range rows {
				mean, variance := moments(in[0].Row(i))
				for j, x := range in[0].Row(i) {
					out.Row(i)[j] = (x-mean)/math.Sqrt(variance+float64(a.Eps))*in[1].Data[j] + in[2].Data[j]
				}
			}
		},
		Backward: func(b *Back, a kernel.LayerNorm) {
			x, gain := b.In[0], b.In[1]
			b.Grad(0, b.Call("layer_norm.dx", a, x.Shape(), x, gain, b.DY))
			b.affine(b.Call("layer_norm.dparams", a, tensor.Shape{2 * gain.Shape()[0]}, x, b.DY), 1)
		},
	})
	register(Def[kernel.LayerNorm]{Name: "layer_norm.dx", In: []Operand{{Name: "x"}, {Name: "gain"}, {Name: "dy"}}})
	register(Def[kernel.LayerNorm]{Name: "layer_norm.dparams", In: []Operand{{Name: "x"}, {Name: "dy"}}})
}

// moments are the mean and the biased variance.
func moments(x []float64) (mean, variance float64) {
	for _, v := range x {
		mean += v
	}
	mean /= float64(len(x))
	for _, v := range x {
		variance += (v - mean) * (v - mean)
	}
	return mean, variance / float64(len(x))
}

// affine takes [dgain | dbias] apart, for the inputs gain and bias at i and i+1.
func (b *Back) affine(packed *gorgonia.Node, i int) {
	shape := b.In[i].Shape()
	b.Grad(i, b.View(packed, 0, shape))
	b.Grad(i+1, b.View(packed, accel.Volume(shape), shape))
}
