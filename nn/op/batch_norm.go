package op

import (
	"math"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/kernel"
)

// BatchNormConfig are the attributes of BatchNorm. A frozen one uses the running statistics in Train mode too,
// as a fine-tuning method that must not let them drift asks for.
type BatchNormConfig struct {
	Eps    float32
	Frozen bool
}

// BatchNorm normalises each channel (arXiv:1502.03167): x [B, C, ...], gain, bias, mean, variance [C], y [B, C, ...]. In Eval
// mode, and when frozen, by the running mean and variance; in Train mode by those of the batch, the biased
// variance, which Stats then gives for the running update. No gradient reaches mean and variance. eps is 1e-5
// in PyTorch, 1e-3 in Keras.
func BatchNorm(x, gain, bias, mean, variance *gorgonia.Node, c BatchNormConfig) (*gorgonia.Node, error) {
	return apply("batch_norm", c, x, gain, bias, mean, variance)
}

// Stats are the batch's mean [C] and unbiased variance [C] behind the output y of BatchNorm, in Train mode.
func Stats(y *gorgonia.Node) (mean, variance *gorgonia.Node, err error) {
	n, c := accel.Volume(y.Shape()), y.Shape()[1]
	if mean, err = View(y, n, c); err != nil {
		return nil, nil, err
	}
	variance, err = View(y, n+c, c)
	return mean, variance, err
}

func init() {
	x, gain, bias, mean, variance, dy := Operand{Name: "x"}, Operand{Name: "gain"}, Operand{Name: "bias"},
		Operand{Name: "mean", NoGrad: true}, Operand{Name: "var", NoGrad: true}, Operand{Name: "dy"}
	toKernel := func(c BatchNormConfig) any { return kernel.BatchNorm{Eps: c.Eps} }
	shape := func(_ BatchNormConfig, in []tensor.Shape) (tensor.Shape, error) {
		return in[0], perChannel(in[0], in[1:])
	}
	byMode := func(train, eval Choice) func(BatchNormConfig, Mode) Choice {
		return func(c BatchNormConfig, m Mode) Choice {
			if m == Train && !c.Frozen {
				return train
			}
			return eval
		}
	}
	register(Def[BatchNormConfig]{
		Name:   "batch_norm",
		In:     []Operand{x, gain, bias, mean, variance},
		Shape:  shape,
		Select: byMode(Choice{Name: "batch_norm.train", In: []int{0, 1, 2}}, Choice{Name: "batch_norm.eval"}),
		// In Train mode one kernel gives all gradients: that of x needs the sums which are those of gain and bias.
		Backward: func(b *Back, c BatchNormConfig) {
			x, gain, mean, variance := b.In[0], b.In[1], b.In[3], b.In[4]
			n, vector := accel.Volume(x.Shape()), gain.Shape()
			batchMean, rstd := b.View(b.Out, n, vector), b.View(b.Out, n+2*vector[0], vector)
			all := b.Call("batch_norm.train.grad", c, x.Shape(), x, gain, batchMean, rstd, b.DY)
			both := tensor.Shape{2 * vector[0]}
			b.Grad(0, b.Call("batch_norm.dx", c, x.Shape(), all, gain, variance, b.DY))
			b.affine(b.Call("batch_norm.dparams", c, both, b.View(all, n, both), x, mean, variance, b.DY), 1)
		},
	})
	register(Def[BatchNormConfig]{
		Name:  "batch_norm.train",
		In:    []Operand{x, gain, bias},
		Shape: shape,
		Attrs: toKernel,
		Extra: func(_ BatchNormConfig, in []tensor.Shape) int { return 3 * in[0][1] },
		Ref: func(c BatchNormConfig, in []Array, out Array) {
			channels := in[0].Shape[1]
			stats := out.Data[accel.Volume(out.Shape):]
			for k := range channels {
				var values []float64
				channel(in[0], k, func(i int) { values = append(values, in[0].Data[i]) })
				mean, variance := moments(values)
				normalise(c, in[0], out, k, mean, variance, in[1].Data[k], in[2].Data[k])
				n := float64(len(values))
				stats[k], stats[channels+k] = mean, variance*n/math.Max(n-1, 1)
				stats[2*channels+k] = 1 / math.Sqrt(variance+float64(c.Eps))
			}
		},
	})
	register(Def[BatchNormConfig]{
		Name:  "batch_norm.eval",
		In:    []Operand{x, gain, bias, mean, variance},
		Shape: shape,
		Attrs: toKernel,
		Ref: func(c BatchNormConfig, in []Array, out Array) {
			for k := range in[0].Shape[1] {
				normalise(c, in[0], out, k, in[3].Data[k], in[4].Data[k], in[1].Data[k], in[2].Data[k])
			}
		},
	})
	// The gradients by mode: parts of what the kernel of Train gives, or kernels of their own.
	all := Operand{Name: "all"}
	register(Def[BatchNormConfig]{
		Name: "batch_norm.dx", In: []Operand{all, gain, variance, dy},
		Select: byMode(Choice{In: []int{0}}, Choice{Name: "batch_norm.eval.dx", In: []int{1, 2, 3}}),
	})
	register(Def[BatchNormConfig]{
		Name: "batch_norm.dparams", In: []Operand{all, x, mean, variance, dy},
		Select: byMode(Choice{In: []int{0}}, Choice{Name: "batch_norm.eval.dparams", In: []int{1, 2, 3, 4}}),
	})
	register(Def[BatchNormConfig]{
		Name: "batch_norm.train.grad", In: []Operand{x, gain, mean, {Name: "rstd", NoGrad: true}, dy}, Attrs: toKernel,
		Extra: func(_ BatchNormConfig, in []tensor.Shape) int { return 2 * in[0][1] },
	})
	register(Def[BatchNormConfig]{Name: "batch_norm.eval.dx", In: []Operand{gain, variance, dy}, Attrs: toKernel})
	register(Def[BatchNormConfig]{Name: "batch_norm.eval.dparams", In: []Operand{x, mean, variance, dy}, Attrs: toKernel})
}

// channel calls f for every element of channel k of x [B, C, ...].
func channel(x Array, k int, f func(i int)) {
	c, positions := x.Shape[1], accel.Volume(x.Shape[2:])
	for b := range x.Shape[0] {
		for p := range positions {
			f((b*c+k)*positions + p)
		}
	}
}

func normalise(c BatchNormConfig, x, out Array, k int, mean, variance, gain, bias float64) {
	channel(x, k, func(i int) {
		out.Data[i] = (x.Data[i]-mean)/math.Sqrt(variance+float64(c.Eps))*gain + bias
	})
}
