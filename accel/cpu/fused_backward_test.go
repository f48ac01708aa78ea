package cpu

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/kernel"
)

// gradientKernels are those of kernel.FusedBackward: operands but for the last input, by letter: a tensor of images of its own or one that
// all share, a channel vector of positive numbers, or two of them packed.
var gradientKernels = map[string]struct {
	attrs   any
	in, out string
}{
	"add":                     {kernel.Add{}, "x", "x"},
	"relu.dx":                 {kernel.ReLU{}, "x", "x"},
	"batch_norm.eval.dx":      {kernel.BatchNorm{Eps: 1e-5}, "cc", "x"},
	"batch_norm.eval.dparams": {kernel.BatchNorm{Eps: 1e-5}, "xcc", "p"},
	"batch_norm.train.grad":   {kernel.BatchNorm{Eps: 1e-5}, "xccc", "xp"},
	"group_norm.dx":           {kernel.GroupNorm{Groups: 1, Eps: 1e-5}, "Xc", "x"},
	"group_norm.dparams":      {kernel.GroupNorm{Groups: 1, Eps: 1e-5}, "X", "p"},
}

func TestFusedGradientKernelsGiveTheBitsOfTheirSequence(t *testing.T) {
	for _, f := range kernel.FusedBackward {
		sequence, makers := f.Names, f.Makers
		last := gradientKernels[sequence[len(sequence)-1]]
		for _, shape := range [][]int{{2, 3, 5, 7}, {3, 5, 17, 17}, {1, 1, 1, 1}, {2, 2, 64, 80}} {
			for _, level := range Levels() {
				d, err := NewLevel(3, level)
				if err != nil {
					t.Fatal(err)
				}
				f := &fusedRun{t: t, d: d, r: rand.New(rand.NewPCG(7, 8))}
				f.stream, _ = d.NewStream()
				shared := f.tensor(shape)
				operands := func(kinds string) (all []accel.Tensor) {
					for _, kind := range kinds {
						switch kind {
						case 'x':
							all = append(all, f.tensor(shape))
						case 'X':
							all = append(all, shared)
						case 'c':
							all = append(all, f.positive(shape[1:2]))
						case 'p':
							all = append(all, f.tensor([]int{2 * shape[1]}))
						}
					}
					return all
				}
				first := f.tensor(shape)
				dy := first
				var in, out, fused []accel.Tensor // of the kernel as one: what it takes, should give and gives
				for i, name := range sequence {
					k := gradientKernels[name]
					own, results := operands(k.in), operands(k.out)
					f.launch(name, k.attrs, results, append(slices.Clone(own), dy))
					in = append(in, own...)
					if i < makers {
						dy = results[0]
					} else {
						out, fused = append(out, results...), append(fused, operands(k.out)...)
					}
				}
				in = append(in, first)
				what := fmt.Sprintf("%s of %v at %s", strings.Join(sequence, "+"), shape, level)
				compare := func() {
					f.launch(strings.Join(sequence, "+"), last.attrs, fused, in)
					for i := range fused {
						compareBits(t, fmt.Sprintf("%s, output %d", what, i), f.data(fused[i]), f.data(out[i]))
					}
				}
				compare()
				if makers > 0 { // with the gradient that they make
					out, fused = append(out, dy), append(fused, f.tensor(shape))
					compare()
				}
				f.close()
			}
		}
	}
}
