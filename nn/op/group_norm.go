package op

import (
	"errors"
	"fmt"
	"math"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/kernel"
)

// GroupNorm normalises each sample over groups of C/groups channels and all positions, then scales per channel
// (arXiv:1803.08494): x [B, C, ...], gain [C], bias [C], y [B, C, ...]. The variance is the biased one. Backward
// saves x.
func GroupNorm(x, gain, bias *gorgonia.Node, groups int, eps float32) (*gorgonia.Node, error) {
	return apply("group_norm", kernel.GroupNorm{Groups: groups, Eps: eps}, x, gain, bias)
}

func init() {
	register(Def[kernel.GroupNorm]{
		Name: "group_norm",
		In:   []Operand{{Name: "x"}, {Name: "gain"}, {Name: "bias"}},
		Shape: func(a kernel.GroupNorm, in []tensor.Shape) (tensor.Shape, error) {
			if err := perChannel(in[0], in[1:]); err != nil {
				return nil, err
			}
			if a.Groups < 1 || in[0][1]%a.Groups != 0 {
				return nil, fmt.Errorf("%d channels do not split into %d groups", in[0][1], a.Groups)
			}
			return in[0], nil
		},
		Ref: func(a kernel.GroupNorm, in []Array, out Array) {
			x := in[0]
			c := x.Shape[1]
			positions := accel.Volume(x.Shape[2:])
			size := c / a.Groups * positions
			for start := 0; start < len(x.Data); start += size {
				mean, variance := moments(x.Data[start : start+size])
				for i := start; i < start+size; i++ {
					k := i / positions % c
					out.Data[i] = (x.Data[i]-mean)/math.Sqrt(variance+float64(a.Eps))*in[1].Data[k] + in[2].Data[k]
				}
			}
		},
		Backward: func(b *Back, a kernel.GroupNorm) {
			x, gain := b.In[0], b.In[1]
			b.Grad(0, b.Call("group_norm.dx", a, x.Shape(), x, gain, b.DY))
			b.affine(b.Call("group_norm.dparams", a, tensor.Shape{2 * gain.Shape()[0]}, x, b.DY), 1)
		},
	})
	register(Def[kernel.GroupNorm]{Name: "group_norm.dx", In: []Operand{{Name: "x"}, {Name: "gain"}, {Name: "dy"}}})
	register(Def[kernel.GroupNorm]{Name: "group_norm.dparams", In: []Operand{{Name: "x"}, {Name: "dy"}}})
}

// perChannel checks that every one of params is [C] for x [B, C, ...].
func perChannel(x tensor.Shape, params []tensor.Shape) error {
	ok := len(x) >= 2
	for _, p := range params {
		ok = ok && p.Eq(tensor.Shape{x[1]})
	}
	if !ok {
		return errors.New("x must be [B, C, ...] and the others [C]")
	}
	return nil
}
