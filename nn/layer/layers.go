package layer

import (
	"fmt"

	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/accel/kernel"
	"github.com/pipe-ml/pipe/accel/rng"
	"github.com/pipe-ml/pipe/nn/op"
)

// Option changes a layer from its default.
type Option func(*options)

type options struct {
	noBias       bool
	weight, bias Init
}

// NoBias leaves the bias out.
func NoBias(o *options) { o.noBias = true }

// WithInit sets the layer's own initial values.
func WithInit(weight, bias Init) Option {
	return func(o *options) { o.weight, o.bias = weight, bias }
}

func (b *Builder) options(opts []Option) options {
	o := options{weight: b.weight, bias: b.bias}
	for _, f := range opts {
		f(&o)
	}
	return o
}

// Linear is y [..., out] = x [..., in] weight^T + bias, with weight [out, in] and bias [out].
func (b *Builder) Linear(name string, x *Node, out int, opts ...Option) *Node {
	return b.linear(name, x, out, nil, opts)[0]
}

// LinearSlices is a fused Linear whose output comes in equal parts, one for each name: the q, k and v of an attention. An edit
// of the site may name a slice.
func (b *Builder) LinearSlices(name string, x *Node, out int, slices []string, opts ...Option) []*Node {
	if b.err == nil && (len(slices) == 0 || out%len(slices) != 0) {
		b.fail(name, fmt.Errorf("%d outputs do not split into %d slices", out, len(slices)))
	}
	return b.linear(name, x, out, slices, opts)
}

// linear returns the output, or its slices. It cuts the weight and not the output: the copies are smaller by the ratio of
// rows of the weight to rows of x.
func (b *Builder) linear(name string, x *Node, out int, slices []string, opts []Option) []*Node {
	in, parts := b.width(name, x, -1, 2), make([]*Node, max(1, len(slices)))
	if b.err != nil {
		return parts
	}
	o, m := b.options(opts), b.Sub(name)
	s := b.site(name, Site{Kind: KindLinear, In: in, Out: out, Weight: []int{out, in}, Bias: !o.noBias, Groups: 1, Slices: slices})
	w, bias := m.parameters(s, o)
	w = b.reweight(m, s, "", w)
	x = b.scaleInput(m, s, x)
	whole := b.change(m, s, "", x)
	for i := range parts {
		n := out / len(parts)
		cut := func(v *Node, axis int) *Node {
			if v == nil || len(parts) == 1 {
				return v
			}
			return m.Slice(v, axis, i*n, n)
		}
		part := cut(w, 0)
		if len(slices) > 0 {
			part = b.reweight(m, s, slices[i], part)
		}
		y := m.addTo(m.MatMul(x, part, cut(bias, 0)), cut(whole, len(x.Shape())-1))
		if len(slices) > 0 {
			y = m.addTo(y, b.change(m, s, slices[i], x))
		}
		parts[i] = b.scale(m, s, y, cut)
		if len(slices) > 0 {
			parts[i] = b.scaleSlice(m, s, slices[i], parts[i])
		}
	}
	if len(slices) == 0 {
		b.made[parts[0]] = s.Path
	}
	return parts
}

// Conv says what a Conv2d is. Zero Stride and Groups mean 1.
type Conv struct {
	Out, Kernel, Stride, Pad, Groups int
	// PadEnd is added to Pad below and to the right: TensorFlow's "same" padding of a strided convolution.
	PadEnd int
	// KernelW, if not 0, is the width of a window that is not square, and PadW its padding to the left and right.
	KernelW, PadW int
	NoBias        bool
	Weight        Init // nil: the builder's
}

// Conv2d is the cross-correlation of x [B, C, H, W] with weight [Out, C/Groups, Kernel, KernelW], plus bias [Out].
func (b *Builder) Conv2d(name string, x *Node, c Conv) *Node {
	in := b.width(name, x, 1, 4)
	if b.err != nil {
		return nil
	}
	c.Stride, c.Groups = max(c.Stride, 1), max(c.Groups, 1)
	if c.KernelW == 0 {
		c.KernelW, c.PadW = c.Kernel, c.Pad
	}
	if in%c.Groups != 0 || c.Out%c.Groups != 0 {
		b.fail(name, fmt.Errorf("%d groups do not divide %d inputs and %d outputs", c.Groups, in, c.Out))
		return nil
	}
	o, m := b.options(nil), b.Sub(name)
	o.noBias = c.NoBias
	if c.Weight != nil {
		o.weight = c.Weight
	}
	padding := c.Pad
	if c.PadEnd != 0 || c.PadW != c.Pad {
		padding = -1
	}
	s := b.site(name, Site{
		Kind: KindConv, In: in, Out: c.Out, Weight: []int{c.Out, in / c.Groups, c.Kernel, c.KernelW}, Bias: !c.NoBias, Groups: c.Groups, Stride: c.Stride, Pad: padding,
	})
	w, bias := m.parameters(s, o)
	attrs := kernel.Conv2d{
		StrideH: c.Stride, StrideW: c.Stride, Groups: c.Groups,
		PadTop: c.Pad, PadLeft: c.PadW, PadBottom: c.Pad + c.PadEnd, PadRight: c.PadW + c.PadEnd,
	}
	y := m.do("", func() (*Node, error) { return op.Conv2d(x, b.reweight(m, s, "", w), bias, attrs) })
	uncut := func(v *Node, _ int) *Node { return v }
	y = b.scale(m, s, m.addTo(y, b.change(m, s, "", x)), uncut)
	b.made[y] = s.Path
	return y
}

// parameters declares weight and, unless the site has none, bias.
func (b *Builder) parameters(s Site, o options) (w, bias *Node) {
	in, out := fans(s.Weight)
	w = b.param("weight", s.Weight, weight{init: o.weight, fanIn: in, fanOut: out})
	if s.Bias {
		bias = b.param("bias", []int{s.Out}, weight{init: o.bias, fanIn: in, fanOut: out})
	}
	return w, bias
}

// LayerNorm normalises the last dimension of x.
func (b *Builder) LayerNorm(name string, x *Node, eps float32) *Node {
	gain, bias := b.norm(name, KindLayerNorm, b.width(name, x, -1, 1), nil)
	return b.do(name, func() (*Node, error) { return op.LayerNorm(x, gain, bias, eps) })
}

// GroupNorm normalises groups of channels of x [B, C, ...].
func (b *Builder) GroupNorm(name string, x *Node, groups int, eps float32) *Node {
	gain, bias := b.norm(name, KindGroupNorm, b.width(name, x, 1, 2), nil)
	return b.do(name, func() (*Node, error) { return op.GroupNorm(x, gain, bias, groups, eps) })
}

// batchNormMomentum is PyTorch's default.
const batchNormMomentum = 0.1

// BatchNorm normalises the channels of x [B, C, H, W] by the batch's statistics, or by the running ones in evaluation and when
// the plan freezes them (see Plan.Updates), which it does not to the batch norms that an edit adds; its buffers are running_mean and running_var.
func (b *Builder) BatchNorm(name string, x *Node, eps float32, opts ...Option) *Node {
	c := b.width(name, x, 1, 4)
	gain, bias := b.norm(name, KindBatchNorm, c, opts)
	m := b.Sub(name)
	frozen := !b.adding && !b.plan.Updates(m.path)
	mean := m.param("running_mean", []int{c}, weight{init: Zeros, buffer: true})
	variance := m.param("running_var", []int{c}, weight{init: Ones, buffer: true})
	y := b.do(name, func() (*Node, error) {
		return op.BatchNorm(x, gain, bias, mean, variance, op.BatchNormConfig{Eps: eps, Frozen: frozen})
	})
	if b.err == nil && !frozen {
		batchMean, batchVar, err := op.Stats(y)
		if err != nil {
			b.fail(name, err)
		}
		b.stats = append(b.stats, RunningStat{m.join("running_mean"), m.join("running_var"), batchMean, batchVar, batchNormMomentum})
	}
	return y
}

// norm declares gain ("weight") and "bias" of a normalisation with c channels and returns them as its edits leave them.
func (b *Builder) norm(name string, k Kind, c int, opts []Option) (gain, bias *Node) {
	if b.err != nil {
		return nil, nil
	}
	m := b.Sub(name)
	s := b.site(name, Site{Kind: k, In: c, Out: c, Weight: []int{c}, Bias: true, Groups: 1})
	gain, bias = m.parameters(s, b.Init(Ones, Zeros).options(opts))
	return b.scaleNorm(m, s, b.reweight(m, s, "", gain), bias)
}

// LayerScale multiplies each channel of x [..., C] by its own gain, name.gamma [C] (Touvron et al. 2021, arXiv:2103.17239). Gains commute: a branch that
// ends in it is scaled in the map before it.
func (b *Builder) LayerScale(name string, x *Node, init Init) *Node {
	c := b.width(name, x, -1, 2)
	if b.err != nil {
		return nil
	}
	y := b.Mul(x, b.Along(x, b.Sub(name).Param("gamma", []int{c}, init)))
	b.made[y] = b.made[x]
	return y
}

// Embedding looks ids [...] up in weight [vocab, dim]: y [..., dim]. The table starts from N(0, 1) unless an option says otherwise.
func (b *Builder) Embedding(name string, ids *Node, vocab, dim int, opts ...Option) *Node {
	if b.err != nil {
		return nil
	}
	o := options{weight: Normal(0, 1)}
	for _, f := range opts {
		f(&o)
	}
	s := b.site(name, Site{Kind: KindEmbedding, In: vocab, Out: dim, Weight: []int{vocab, dim}, Groups: 1})
	w, _ := b.Sub(name).parameters(s, o)
	return b.do(name, func() (*Node, error) { return op.Embedding(ids, w) })
}

// Dropout zeroes elements with probability p in training, scaling the rest. Its mask depends on the seed, the path and
// Step.
func (b *Builder) Dropout(name string, x *Node, p float32) *Node {
	if b.err != nil || p == 0 {
		return x
	}
	if b.step == nil {
		b.step = b.leaf("step", tensor.Int32, []int{1})
	}
	key := rng.Key(b.weights.seed, b.join(name))
	return b.do(name, func() (*Node, error) { return op.Dropout(x, b.step, p, key) })
}
