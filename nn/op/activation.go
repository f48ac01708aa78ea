package op

import (
	"math"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/accel/kernel"
)

// ReLU is max(x, 0). x and y [...]. The derivative at 0 is 0. Backward saves y, which tells as much: the
// next layer keeps it anyway, so x need not be kept. Backward of the activations below, but for ReLU6, saves x.
func ReLU(x *gorgonia.Node) (*gorgonia.Node, error) { return apply("relu", kernel.ReLU{}, x) }

// ReLU6 is min(max(x, 0), 6), the activation of MobileNet (arXiv:1704.04861).
func ReLU6(x *gorgonia.Node) (*gorgonia.Node, error) { return apply("relu6", kernel.ReLU6{}, x) }

// SiLU is x * sigmoid(x), also called swish.
func SiLU(x *gorgonia.Node) (*gorgonia.Node, error) { return apply("silu", kernel.SiLU{}, x) }

// GELU is x * Phi(x) with the exact normal distribution (arXiv:1606.08415), PyTorch's default.
func GELU(x *gorgonia.Node) (*gorgonia.Node, error) { return apply("gelu", kernel.GELU{}, x) }

// GELUTanh is PyTorch's GELU with approximate="tanh".
func GELUTanh(x *gorgonia.Node) (*gorgonia.Node, error) {
	return apply("gelu_tanh", kernel.GELUTanh{}, x)
}

// QuickGELU is x * sigmoid(1.702 x), the activation of CLIP.
func QuickGELU(x *gorgonia.Node) (*gorgonia.Node, error) {
	return apply("quick_gelu", kernel.QuickGELU{}, x)
}

func init() {
	x := func(b *Back) *gorgonia.Node { return b.In[0] }
	y := func(b *Back) *gorgonia.Node { return b.Out }
	activation("relu", kernel.ReLU{}, y, func(x float64) float64 { return math.Max(x, 0) })
	activation("relu6", kernel.ReLU6{}, y, func(x float64) float64 { return math.Min(math.Max(x, 0), 6) })
	activation("silu", kernel.SiLU{}, x, func(x float64) float64 { return x / (1 + math.Exp(-x)) })
	activation("gelu", kernel.GELU{}, x, func(x float64) float64 { return x / 2 * math.Erfc(-x/math.Sqrt2) })
	activation("gelu_tanh", kernel.GELUTanh{}, x, func(x float64) float64 {
		return x / 2 * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
	})
	activation("quick_gelu", kernel.QuickGELU{}, x, func(x float64) float64 { return x / (1 + math.Exp(-1.702*x)) })
}

// activation registers the elementwise operator name, whose definition is f, and its gradient kernel, which reads what is saved.
func activation[A comparable](name string, attrs A, saved func(b *Back) *gorgonia.Node, f func(x float64) float64) {
	register(Def[A]{
		Name:  name,
		In:    []Operand{{Name: "x"}},
		Shape: func(_ A, in []tensor.Shape) (tensor.Shape, error) { return in[0], nil },
		Ref: func(_ A, in []Array, out Array) {
			for i, x := range in[0].Data {
				out.Data[i] = f(x)
			}
		},
		Backward: func(b *Back, _ A) {
			b.Grad(0, b.Call(name+".dx", attrs, b.In[0].Shape(), saved(b), b.DY))
		},
	})
	register(Def[A]{Name: name + ".dx", In: []Operand{{Name: "x"}, {Name: "dy"}}})
}
