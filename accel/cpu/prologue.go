package cpu

import (
	"errors"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/internal/operand"
)

// prologue is the beginning of a fused gradient kernel (kernel.FusedBackward): how dy is made, a piece at a time, of what reaches an
// activation.
type prologue struct{ add, relu bool }

var prologues = []prologue{{}, {relu: true}, {add: true, relu: true}}

// prefix is the prologue's part of a kernel's name.
func (p prologue) prefix() string {
	s := ""
	if p.add {
		s = "add+"
	}
	if p.relu {
		s += "relu.dx+"
	}
	return s
}

// gradient is dy: a, or a + b, where y is positive if it is behind an activation.
type gradient struct {
	prologue
	level   level
	shape   accel.Tensor // an operand of its shape
	a, b, y []float32
	kept    []float32 // where others will read it, or nil
}

// gradient divides the operands of a kernel of nout outputs and nin inputs besides dy: that, or the last that it is made of, comes last,
// what else it is made of first. Behind the outputs there may be room for it.
func (p prologue) gradient(d *Device, out, in []accel.Tensor, nout, nin int) (g gradient, rest []accel.Tensor, err error) {
	g = gradient{prologue: p, level: d.level}
	var own []*[]float32
	if p.add {
		own = append(own, &g.b)
	}
	if p.relu {
		own = append(own, &g.y)
	}
	keeps := p.relu && len(out) > nout
	if keeps {
		nout++
	}
	if err := operand.Arity(out, in, nout, len(own)+nin+1); err != nil {
		return g, nil, err
	}
	g.shape, rest = in[len(in)-1], in[len(own):len(in)-1]
	g.a = f32(g.shape)
	for i, to := range own {
		err = errors.Join(err, operand.VectorOf(len(g.a), in[i]))
		*to = f32(in[i])
	}
	if keeps {
		err = errors.Join(err, operand.VectorOf(len(g.a), out[nout-1]))
		g.kept = f32(out[nout-1])
	}
	return g, rest, err
}

// where is the memory of dy, if it may be made in buf.
func (g *gradient) where(buf []float32) []float32 {
	switch {
	case !g.relu:
		return g.a
	case g.kept != nil:
		return g.kept
	}
	return buf
}

// at returns elements [lo, hi) of dy, and makes them if need be.
func (g *gradient) at(buf []float32, lo, hi int) []float32 {
	to := g.where(buf)[lo:hi]
	switch {
	case g.add:
		g.level.addReLUDx(to, g.y[lo:hi], g.b[lo:hi], g.a[lo:hi])
	case g.relu:
		g.level.activateDx("relu", reluDx, to, g.y[lo:hi], g.a[lo:hi])
	}
	return to
}
