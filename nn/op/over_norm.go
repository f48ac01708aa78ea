package op

import (
	"errors"
	"math"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/accel/kernel"
)

// OverNorm is y = m / ||v|| by row, ||.|| being the Euclidean norm: m [M], v [M, ...], y [M]; 0 where the row is zero. The norm is a constant: no
// gradient reaches v through it, as DoRA wants it (arXiv:2402.09353, section 4.3). Squares are added in order in
// float64, and the root is rounded to float32 before m is divided by it, so that m = ||v|| gives exactly 1. Backward saves v.
func OverNorm(m, v *gorgonia.Node) (*gorgonia.Node, error) {
	return apply("over_norm", kernel.OverNorm{}, m, v)
}

func init() {
	register(Def[kernel.OverNorm]{
		Name: "over_norm",
		In:   []Operand{{Name: "m"}, {Name: "v", NoGrad: true}},
		Shape: func(_ kernel.OverNorm, in []tensor.Shape) (tensor.Shape, error) {
			if len(in[0]) != 1 || len(in[1]) < 2 || in[1][0] != in[0][0] {
				return nil, errors.New("m must be [M] with v [M, ...]")
			}
			return in[0], nil
		},
		Ref: func(_ kernel.OverNorm, in []Array, out Array) {
			m, v := in[0].Data, in[1].Data
			n := len(v) / len(m)
			for i := range m {
				sum := 0.0
				for _, x := range v[i*n : (i+1)*n] {
					sum += x * x
				}
				if sum > 0 {
					out.Data[i] = m[i] / math.Sqrt(sum)
				}
			}
		},
		Backward: func(b *Back, _ kernel.OverNorm) {
			b.Grad(0, b.Keep(func() (*gorgonia.Node, error) { return OverNorm(b.DY, b.In[1]) }))
		},
	})
}
