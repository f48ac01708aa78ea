package op

import (
	"fmt"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/accel/kernel"
)

// Permute reorders dimensions: dimension i of y is dimension perm[i] of x, as torch.permute.
func Permute(x *gorgonia.Node, perm ...int) (*gorgonia.Node, error) {
	a := kernel.Permute{N: len(perm)}
	if len(perm) > kernel.MaxRank {
		return nil, fmt.Errorf("permute: %d dimensions, at most %d are possible", len(perm), kernel.MaxRank)
	}
	copy(a.Perm[:], perm)
	return apply("permute", a, x)
}

func init() {
	register(Def[kernel.Permute]{
		Name: "permute",
		In:   []Operand{{Name: "x"}},
		Shape: func(a kernel.Permute, in []tensor.Shape) (tensor.Shape, error) {
			if len(in[0]) != a.N {
				return nil, fmt.Errorf("the order %v is for rank %d", a.Perm[:a.N], a.N)
			}
			out := make(tensor.Shape, a.N)
			seen := make([]bool, a.N)
			for i, p := range a.Perm[:a.N] {
				if p < 0 || p >= a.N || seen[p] {
					return nil, fmt.Errorf("%v is not an order of %d dimensions", a.Perm[:a.N], a.N)
				}
				seen[p], out[i] = true, in[0][p]
			}
			return out, nil
		},
		Ref: func(a kernel.Permute, in []Array, out Array) {
			from, to := in[0].Strides(), out.Strides()
			for i := range out.Data {
				j := 0
				for d, s := range to {
					j += i / s % out.Shape[d] * from[a.Perm[d]]
				}
				out.Data[i] = in[0].Data[j]
			}
		},
		Backward: func(b *Back, a kernel.Permute) {
			inverse := make([]int, a.N)
			for i, p := range a.Perm[:a.N] {
				inverse[p] = i
			}
			b.Grad(0, b.Keep(func() (*gorgonia.Node, error) { return Permute(b.DY, inverse...) }))
		},
	})
}
