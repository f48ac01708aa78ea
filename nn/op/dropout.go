package op

import (
	"errors"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/kernel"
	"github.com/pipe-ml/pipe/accel/rng"
)

// Dropout zeroes elements with probability p and divides the others by 1 - p, in Train mode; in Eval mode it is
// the identity. x and y [...], step int32 [1] is the training step. Which elements are dropped is a function of
// key, step and position alone, so backward recomputes the mask and saves nothing.
func Dropout(x, step *gorgonia.Node, p float32, key uint64) (*gorgonia.Node, error) {
	return apply("dropout", kernel.Dropout{P: p, Key: key}, x, step)
}

func init() {
	operands := []Operand{{Name: "x"}, {Name: "step", Type: accel.Int32}}
	shape := func(a kernel.Dropout, in []tensor.Shape) (tensor.Shape, error) {
		if a.P < 0 || a.P >= 1 || accel.Volume(in[1]) != 1 {
			return nil, errors.New("p must be in [0, 1) and step [1]")
		}
		return in[0], nil
	}
	register(Def[kernel.Dropout]{
		Name:  "dropout",
		In:    operands,
		Shape: shape,
		Select: func(_ kernel.Dropout, m Mode) Choice {
			if m == Train {
				return Choice{Name: "dropout.train"}
			}
			return Choice{}
		},
		Backward: func(b *Back, a kernel.Dropout) {
			b.Grad(0, b.Keep(func() (*gorgonia.Node, error) { return Dropout(b.DY, b.In[1], a.P, a.Key) }))
		},
	})
	register(Def[kernel.Dropout]{
		Name:  "dropout.train",
		In:    operands,
		Shape: shape,
		Ref: func(a kernel.Dropout, in []Array, out Array) {
			key := [2]uint32{uint32(a.Key), uint32(a.Key >> 32)}
			for i, x := range in[0].Data {
				block := uint64(i / 4)
				words := rng.Philox([4]uint32{uint32(block), uint32(block >> 32), uint32(in[1].Data[0]), 0}, key)
				if float64(words[i%4]) >= float64(a.P)*(1<<32) {
					out.Data[i] = x / (1 - float64(a.P))
				}
			}
		},
	})
}
