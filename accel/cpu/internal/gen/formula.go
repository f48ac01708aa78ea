package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"github.com/pipe-ml/pipe/accel/cpu/internal/poly"
)

// The elementary functions of package cpu's math.go, operation by operation.

// horner evaluates a polynomial, the highest power's coefficient first.
func (e *emitter) horner(coefficients []float32, x VecVirtual) VecVirtual {
	p := e.set(coefficients[0])
	for _, c := range coefficients[1:] {
		p = e.add(e.mul(p, x), float(c))
	}
	return p
}

// exp is expf.
func (e *emitter) exp(x VecVirtual) VecVirtual {
	x = e.max(e.set(poly.ExpLo), x)
	x = e.min(e.set(poly.ExpHi), x)
	shifted := e.add(e.mul(x, float(poly.Log2E)), float(poly.RoundMagic))
	n := e.sub(shifted, float(poly.RoundMagic))
	r := e.sub(x, e.mul(n, float(poly.Ln2Hi)))
	r = e.sub(r, e.mul(n, float(poly.Ln2Lo)))
	p := e.horner(poly.Exp[:], r)
	p = e.add(e.add(e.mul(p, e.mul(r, r)), r), float(1))
	exponent := e.op(VPSUBD, constant(poly.RoundMagicBits-127), shifted)
	VPMAXSD(constant(0), exponent, exponent)
	VPSLLD(U8(23), exponent, exponent)
	return e.mul(p, exponent)
}

// onePlusExpNeg is 1 + e^-x.
func (e *emitter) onePlusExpNeg(x VecVirtual) VecVirtual { return e.add(e.exp(e.neg(x)), float(1)) }

// sigmoid is sigmoidf.
func (e *emitter) sigmoid(x VecVirtual) VecVirtual { return e.div(e.set(1), e.onePlusExpNeg(x)) }

// normal is normalf.
func (e *emitter) normal(x VecVirtual) (cdf, density VecVirtual) {
	density = e.exp(e.neg(e.mul(e.mul(x, x), float(0.5))))
	t := e.div(e.set(1), e.add(e.mul(e.abs(x), float(poly.TailC)), float(1)))
	q := e.mul(density, e.mul(e.horner(poly.Tail[:], t), t))
	return e.where(x, less, float(0), q, e.sub(e.set(1), q)), density
}

// gate is the derivative of x sigmoid(z) times dy, given z and x dz/dx: dy * (s * (xdz * (1 - s) + 1)).
func (e *emitter) gate(s, dy VecVirtual, xdz func(rest VecVirtual) VecVirtual) VecVirtual {
	rest := e.sub(e.set(1), s)
	return e.mul(dy, e.mul(s, e.add(xdz(rest), float(1))))
}

// cubic is the argument of gelu_tanh's sigmoid.
func (e *emitter) cubic(x VecVirtual) VecVirtual {
	return e.mul(x, e.add(e.mul(e.mul(x, x), float(poly.TanhCubic)), float(poly.TanhLinear)))
}
