package cpu

import (
	"fmt"
	"math"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/elementary"
	"github.com/pipe-ml/pipe/accel/internal/operand"
	"github.com/pipe-ml/pipe/accel/kernel"
)

func init() {
	register("adamw", adamw)
	register("sgd", sgd)
	register("blend", blend)
}

// adamwStep holds the scalars of one AdamW step, in the order that the assembly reads them.
type adamwStep struct {
	scale   float32 // of the gradient
	keep    float32 // 1 - LR*WeightDecay
	beta1   float32
	rest1   float32 // 1 - Beta1
	beta2   float32
	rest2   float32 // 1 - Beta2
	invRoot float32 // 1 / sqrt(1 - Beta2^Step)
	eps     float32
	rate    float32 // LR / (1 - Beta1^Step)
}

func adamw(d *Device, a kernel.AdamW, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 3, 1); err != nil {
		return err
	}
	if err := operand.VectorOf(in[0].Len(), out...); err != nil {
		return err
	}
	if a.Step < 1 {
		return fmt.Errorf("step %d, the first is 1", a.Step)
	}
	c := &adamwStep{
		scale: a.Scale, keep: float32(1 - float64(a.LR)*float64(a.WeightDecay)),
		beta1: a.Beta1, rest1: float32(1 - float64(a.Beta1)),
		beta2: a.Beta2, rest2: float32(1 - float64(a.Beta2)),
		invRoot: float32(1 / math.Sqrt(1-elementary.Power(float64(a.Beta2), a.Step))),
		eps:     a.Eps,
		rate:    float32(float64(a.LR) / (1 - elementary.Power(float64(a.Beta1), a.Step))),
	}
	p, m, v, g := f32(out[0]), f32(out[1]), f32(out[2]), f32(in[0])
	d.pool.run(len(g), elementGrain, func(lo, hi int) {
		d.level.adamw(p[lo:hi], m[lo:hi], v[lo:hi], g[lo:hi], c)
	})
	return nil
}

// adamw: m = m*beta1 + g*rest1, v = v*beta2 + g^2*rest2, p = p*keep - m*rate / (sqrt(v)*invRoot + eps), with g scaled.
func (l level) adamw(p, m, v, g []float32, c *adamwStep) {
	i := 0
	if f := assembly[l].adamw; f != nil {
		i = whole(len(g))
		f(i, ptr(p), ptr(m), ptr(v), ptr(g), &c.scale)
	}
	for ; i < len(g); i++ {
		s := g[i] * c.scale
		m[i] = float32(m[i]*c.beta1) + float32(s*c.rest1)
		v[i] = float32(v[i]*c.beta2) + float32(float32(s*s)*c.rest2)
		root := float32(math.Sqrt(float64(v[i])))
		p[i] = float32(p[i]*c.keep) - float32(m[i]*c.rate)/(float32(root*c.invRoot)+c.eps)
	}
}

// sgdStep holds the scalars of one SGD step, in the order that the assembly reads them.
type sgdStep struct {
	scale, decay, momentum, rate float32
}

func sgd(d *Device, a kernel.SGD, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 2, 1); err != nil {
		return err
	}
	if err := operand.VectorOf(in[0].Len(), out...); err != nil {
		return err
	}
	c := &sgdStep{scale: a.Scale, decay: a.WeightDecay, momentum: a.Momentum, rate: a.LR}
	p, m, g := f32(out[0]), f32(out[1]), f32(in[0])
	update := d.level.sgd
	if a.Nesterov {
		update = nesterov
	}
	d.pool.run(len(g), elementGrain, func(lo, hi int) {
		update(p[lo:hi], m[lo:hi], g[lo:hi], c)
	})
	return nil
}

// sgd: m = m*momentum + (g*scale + p*decay), p = p - m*rate.
func (l level) sgd(p, m, g []float32, c *sgdStep) {
	i := 0
	if f := assembly[l].sgd; f != nil {
		i = whole(len(g))
		f(i, ptr(p), ptr(m), ptr(g), &c.scale)
	}
	for ; i < len(g); i++ {
		s := float32(g[i]*c.scale) + float32(p[i]*c.decay)
		m[i] = float32(m[i]*c.momentum) + s
		p[i] -= float32(m[i] * c.rate)
	}
}

// nesterov: m = m*momentum + s for s = g*scale + p*decay, p = p - (m*momentum + s)*rate. It is bound by memory, so plain Go does.
func nesterov(p, m, g []float32, c *sgdStep) {
	for i := range g {
		s := float32(g[i]*c.scale) + float32(p[i]*c.decay)
		m[i] = float32(m[i]*c.momentum) + s
		p[i] -= float32((float32(m[i]*c.momentum) + s) * c.rate)
	}
}

func blend(d *Device, a kernel.Blend, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 1, 1); err != nil {
		return err
	}
	if err := operand.VectorOf(in[0].Len(), out[0]); err != nil {
		return err
	}
	x, y := f32(in[0]), f32(out[0])
	d.pool.run(len(x), elementGrain, func(lo, hi int) {
		y, x := y[lo:hi], x[lo:hi]
		if a.B == 0 {
			d.level.scale(y, x, a.A)
			return
		}
		share := d.borrow(hi - lo)
		defer d.giveBack(share)
		d.level.scale(share, x, a.A)
		d.level.scale(y, y, a.B)
		d.level.add(y, y, share)
	})
	return nil
}
