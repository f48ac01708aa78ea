package op

import (
	"errors"
	"math"
	"slices"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/kernel"
)

// CrossEntropy is the mean over rows of -sum_c t_c log softmax(logits)_c: logits [N, C], labels int32 [N], y []. The target t is
// one-hot, mixed with the uniform distribution by smoothing. Rows with a negative label count for nothing, as
// PyTorch's ignore_index.
func CrossEntropy(logits, labels *gorgonia.Node, smoothing float32) (*gorgonia.Node, error) {
	return apply("cross_entropy", kernel.CrossEntropy{Smoothing: smoothing}, logits, labels)
}

func init() {
	register(Def[kernel.CrossEntropy]{
		Name: "cross_entropy",
		In:   []Operand{{Name: "logits"}, {Name: "labels", Type: accel.Int32}},
		Shape: func(a kernel.CrossEntropy, in []tensor.Shape) (tensor.Shape, error) {
			if len(in[0]) != 2 || !in[1].Eq(in[0][:1]) {
				return nil, errors.New("logits must be [N, C] and labels [N]")
			}
			if a.Smoothing < 0 || a.Smoothing >= 1 {
				return nil, errors.New("smoothing must be in [0, 1)")
			}
			return tensor.Shape{}, nil
		},
		Ref: func(a kernel.CrossEntropy, in []Array, out Array) {
			rows, classes := in[0].Rows()
			counted, sum, smooth := 0, 0.0, float64(a.Smoothing)
			for i := range rows {
				label := int(in[1].Data[i])
				if label < 0 {
					continue
				}
				counted++
				logits := in[0].Row(i)
				whole := logSumExp(logits)
				for c, v := range logits {
					t := smooth / float64(classes)
					if c == label {
						t += 1 - smooth
					}
					sum -= t * (v - whole)
				}
			}
			if counted > 0 {
				out.Data[0] = sum / float64(counted)
			}
		},
		Backward: func(b *Back, a kernel.CrossEntropy) {
			b.Grad(0, b.Call("cross_entropy.dx", a, b.In[0].Shape(), b.In[0], b.In[1], b.DY))
		},
	})
	register(Def[kernel.CrossEntropy]{
		Name: "cross_entropy.dx",
		In:   []Operand{{Name: "logits"}, {Name: "labels", Type: accel.Int32}, {Name: "dloss"}},
	})
}

// logSumExp is log sum exp(x), large numbers not overflowing.
func logSumExp(x []float64) float64 {
	top, sum := slices.Max(x), 0.0
	for _, v := range x {
		sum += math.Exp(v - top)
	}
	return top + math.Log(sum)
}
