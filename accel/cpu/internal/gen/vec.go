package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"github.com/pipe-ml/pipe/accel/cpu/internal/poly"
)

// vec writes the functions along vectors for both instruction sets. Their formulas are those of vec.go, sums.go,
// activation.go and optimizer.go in package cpu.
func vec() {
	for _, ls := range [][]loop{elementwise, norms, sums, activations, optimizers, {philox}} {
		for _, l := range ls {
			l.write(avx512)
			l.write(avx2)
		}
	}
}

var elementwise = []loop{
	{"add", "y = a + b", []string{"y", "a", "b"}, nil, false, func(e *emitter) { e.out("y", e.add(e.in("a"), e.at("b"))) }},
	{"mul", "y = a * b", []string{"y", "a", "b"}, nil, false, func(e *emitter) { e.out("y", e.mul(e.in("a"), e.at("b"))) }},
	{"scale", "y = x * c", []string{"y", "x"}, []string{"c"}, false, func(e *emitter) { e.out("y", e.mul(e.in("x"), e.scalars["c"])) }},
	{"shift", "y = x + c", []string{"y", "x"}, []string{"c"}, false, func(e *emitter) { e.out("y", e.add(e.in("x"), e.scalars["c"])) }},
	{"addReLUDx", "dx = a + b where y > 0, else 0", []string{"dx", "y", "a", "b"}, nil, false, func(e *emitter) {
		e.out("dx", e.where(e.in("y"), greater, float(0), e.add(e.in("a"), e.at("b")), e.set(0)))
	}},
	{"expShift", "y = exp(x - c)", []string{"y", "x"}, []string{"c"}, false, func(e *emitter) {
		e.out("y", e.exp(e.sub(e.in("x"), e.scalars["c"])))
	}},
	{"subScale", "y = (a - b) * c", []string{"y", "a", "b"}, []string{"c"}, false, func(e *emitter) {
		e.out("y", e.mul(e.sub(e.in("a"), e.at("b")), e.scalars["c"]))
	}},
	{"larger", "y = max(y, x), NaN if one is", []string{"y", "x"}, nil, false, func(e *emitter) {
		x := e.in("x")
		e.out("y", e.where(x, unequal, x, x, e.max(x, e.in("y"))))
	}},
	{"firstLarger", "where x > best: best = x, place = p", []string{"best", "place", "x"}, []string{"p"}, false, func(e *emitter) {
		x, best := e.in("x"), e.in("best")
		e.out("place", e.where(x, greater, best, e.scalars["p"], e.in("place")))
		e.out("best", e.max(x, best))
	}},
}

var norms = []loop{
	{"normScalar", "y = (x - mean)*scale + bias", []string{"y", "x"}, []string{"mean", "scale", "bias"}, false, func(e *emitter) {
		e.out("y", e.add(e.mul(e.centred(), e.scalars["scale"]), e.scalars["bias"]))
	}},
	{"normRow", "y = (x - mean)*rstd*gain + bias", []string{"y", "x", "gain", "bias"}, []string{"mean", "rstd"}, false, func(e *emitter) {
		e.out("y", e.add(e.mul(e.mul(e.centred(), e.scalars["rstd"]), e.at("gain")), e.at("bias")))
	}},
	{"normScalarDx", "dx = (dy*a - b) - (x - mean)*c", []string{"dx", "x", "dy"}, []string{"mean", "a", "b", "c"}, false, func(e *emitter) {
		g := e.sub(e.mul(e.in("dy"), e.scalars["a"]), e.scalars["b"])
		e.out("dx", e.sub(g, e.mul(e.centred(), e.scalars["c"])))
	}},
	{"normRowDx", "dx = rstd * ((dy*gain - m1) - (x - mean)*rstd*m2)", []string{"dx", "x", "dy", "gain"}, []string{"mean", "rstd", "m1", "m2"}, false, func(e *emitter) {
		g := e.sub(e.mul(e.in("dy"), e.at("gain")), e.scalars["m1"])
		h := e.mul(e.mul(e.centred(), e.scalars["rstd"]), e.scalars["m2"])
		e.out("dx", e.mul(e.sub(g, h), e.scalars["rstd"]))
	}},
	{"normRowDparams", "dgain += dy * ((x - mean)*rstd), dbias += dy", []string{"dgain", "dbias", "x", "dy"}, []string{"mean", "rstd"}, false, func(e *emitter) {
		dy := e.in("dy")
		e.out("dgain", e.add(e.mul(e.mul(e.centred(), e.scalars["rstd"]), dy), e.at("dgain")))
		e.out("dbias", e.add(dy, e.at("dbias")))
	}},
}

// centred is x - mean.
func (e *emitter) centred() VecVirtual { return e.sub(e.in("x"), e.scalars["mean"]) }

// accumulate adds v to the part's lanes of a sum.
func (e *emitter) accumulate(acc string, v Op) { VADDPS(v, e.sum(acc), e.sum(acc)) }

var sums = []loop{
	{"sum", "acc += x", []string{"acc", "x"}, nil, false, func(e *emitter) { e.accumulate("acc", e.at("x")) }},
	{"sumSquares", "acc += (x - mean)^2", []string{"acc", "x"}, []string{"mean"}, false, func(e *emitter) {
		d := e.centred()
		e.accumulate("acc", e.mul(d, d))
	}},
	{"sumSquaresDiff", "acc += (x - y)^2", []string{"acc", "x", "y"}, nil, false, func(e *emitter) {
		d := e.sub(e.in("x"), e.at("y"))
		e.accumulate("acc", e.mul(d, d))
	}},
	{"dot", "acc += x * y", []string{"acc", "x", "y"}, nil, false, func(e *emitter) { e.accumulate("acc", e.mul(e.in("x"), e.at("y"))) }},
	{"gradientSums", "acc += dy, accX += (x - mean) * dy", []string{"acc", "accX", "x", "dy"}, []string{"mean"}, false, func(e *emitter) {
		dy := e.in("dy")
		e.accumulate("acc", dy)
		e.accumulate("accX", e.mul(e.centred(), dy))
	}},
	{"gradientSumsDx", "acc += dy, accX += (x - mean) * dy, dx = dy * c", []string{"acc", "accX", "dx", "x", "dy"}, []string{"mean", "c"}, false, func(e *emitter) {
		dy := e.in("dy")
		e.accumulate("acc", dy)
		e.accumulate("accX", e.mul(e.centred(), dy))
		e.out("dx", e.mul(dy, e.scalars["c"]))
	}},
	{"dotCentredScaled", "acc += (x - mean) * (dy*gain)", []string{"acc", "x", "dy", "gain"}, []string{"mean"}, false, func(e *emitter) {
		e.accumulate("acc", e.mul(e.centred(), e.mul(e.in("dy"), e.at("gain"))))
	}},
	{"maximum", "acc = max(acc, x)", []string{"acc", "x"}, nil, false, func(e *emitter) { VMAXPS(e.sum("acc"), e.in("x"), e.sum("acc")) }},
}

// activation and derivative make the loops of y(x) and of dx(x, dy).
func activation(name string, f func(e *emitter, x VecVirtual) VecVirtual) loop {
	return loop{name, "y = " + name + "(x)", []string{"y", "x"}, nil, false, func(e *emitter) { e.out("y", f(e, e.in("x"))) }}
}

func derivative(name string, f func(e *emitter, x, dy VecVirtual) VecVirtual) loop {
	return loop{name + "Dx", "dx = dy * " + name + "'(x)", []string{"dx", "x", "dy"}, nil, false, func(e *emitter) {
		e.out("dx", f(e, e.in("x"), e.in("dy")))
	}}
}

var activations = []loop{
	activation("relu", func(e *emitter, x VecVirtual) VecVirtual { return e.max(e.set(0), x) }),
	derivative("relu", func(e *emitter, x, dy VecVirtual) VecVirtual { return e.where(x, greater, float(0), dy, e.set(0)) }),
	activation("relu6", func(e *emitter, x VecVirtual) VecVirtual { return e.min(e.set(6), e.max(e.set(0), x)) }),
	derivative("relu6", func(e *emitter, x, dy VecVirtual) VecVirtual {
		zero := e.set(0)
		return e.where(x, less, float(6), e.where(x, greater, float(0), dy, zero), zero)
	}),
	activation("silu", func(e *emitter, x VecVirtual) VecVirtual { return e.div(x, e.onePlusExpNeg(x)) }),
	derivative("silu", func(e *emitter, x, dy VecVirtual) VecVirtual {
		return e.gate(e.sigmoid(x), dy, func(rest VecVirtual) VecVirtual { return e.mul(x, rest) })
	}),
	activation("gelu", func(e *emitter, x VecVirtual) VecVirtual {
		cdf, _ := e.normal(x)
		return e.mul(x, cdf)
	}),
	derivative("gelu", func(e *emitter, x, dy VecVirtual) VecVirtual {
		cdf, density := e.normal(x)
		return e.mul(dy, e.add(e.mul(x, e.mul(density, float(poly.InvSqrt2Pi))), cdf))
	}),
	activation("geluTanh", func(e *emitter, x VecVirtual) VecVirtual { return e.div(x, e.onePlusExpNeg(e.cubic(x))) }),
	derivative("geluTanh", func(e *emitter, x, dy VecVirtual) VecVirtual {
		return e.gate(e.sigmoid(e.cubic(x)), dy, func(rest VecVirtual) VecVirtual {
			dz := e.add(e.mul(e.mul(x, x), float(poly.TanhCubic3)), float(poly.TanhLinear))
			return e.mul(e.mul(x, rest), dz)
		})
	}),
	activation("quickGELU", func(e *emitter, x VecVirtual) VecVirtual {
		return e.div(x, e.onePlusExpNeg(e.mul(x, float(poly.QuickGELU))))
	}),
	derivative("quickGELU", func(e *emitter, x, dy VecVirtual) VecVirtual {
		z := e.mul(x, float(poly.QuickGELU))
		return e.gate(e.sigmoid(z), dy, func(rest VecVirtual) VecVirtual { return e.mul(z, rest) })
	}),
}

// The fields of adamwStep and sgdStep by number, as in optimizer.go.
const (
	adamScale = iota
	adamKeep
	adamBeta1
	adamRest1
	adamBeta2
	adamRest2
	adamInvRoot
	adamEps
	adamRate
)

const (
	sgdScale = iota
	sgdDecay
	sgdMomentum
	sgdRate
)

var optimizers = []loop{
	{"adamw", "one AdamW step", []string{"p", "m", "v", "grad"}, nil, true, func(e *emitter) {
		g := e.mul(e.in("grad"), e.field(adamScale))
		m := e.add(e.mul(e.in("m"), e.field(adamBeta1)), e.mul(g, e.field(adamRest1)))
		v := e.add(e.mul(e.in("v"), e.field(adamBeta2)), e.mul(e.mul(g, g), e.field(adamRest2)))
		e.out("m", m)
		e.out("v", v)
		below := e.add(e.mul(e.sqrt(v), e.field(adamInvRoot)), e.field(adamEps))
		e.out("p", e.sub(e.mul(e.in("p"), e.field(adamKeep)), e.div(e.mul(m, e.field(adamRate)), below)))
	}},
	{"sgd", "one SGD step", []string{"p", "m", "grad"}, nil, true, func(e *emitter) {
		p := e.in("p")
		g := e.add(e.mul(e.in("grad"), e.field(sgdScale)), e.mul(p, e.field(sgdDecay)))
		m := e.add(e.mul(e.in("m"), e.field(sgdMomentum)), g)
		e.out("m", m)
		e.out("p", e.sub(p, e.mul(m, e.field(sgdRate))))
	}},
}
