package cpu

import "unsafe"

// Vector code: each method below applies one formula along slices of the length of its first argument. The assembly
// of a level takes the whole blocks of 16 elements, plain Go the rest; level "go" is plain Go alone. The formulas'
// parentheses are the order of rounding, which the generator (internal/gen/vec.go) repeats.

// vectors is the assembly of one level. n is a multiple of 16; operands may be unaligned. A nil entry means plain Go.
type vectors struct {
	add, mul               func(n int, y, a, b *float32)
	scale, shift, expShift func(n int, y, x *float32, c float32)
	subScale               func(n int, y, a, b *float32, c float32)
	larger                 func(n int, y, x *float32)
	firstLarger            func(n int, best, place, x *float32, p float32)
	addReLUDx              func(n int, dx, y, a, b *float32)
	normScalar             func(n int, y, x *float32, mean, scale, bias float32)
	normRow                func(n int, y, x, gain, bias *float32, mean, rstd float32)
	normScalarDx           func(n int, dx, x, dy *float32, mean, a, b, c float32)
	normRowDx              func(n int, dx, x, dy, gain *float32, mean, rstd, m1, m2 float32)
	normRowDparams         func(n int, dgain, dbias, x, dy *float32, mean, rstd float32)

	sum              func(n int, acc, x *float32)
	sumSquares       func(n int, acc, x *float32, mean float32)
	sumSquaresDiff   func(n int, acc, x, y *float32)
	dot              func(n int, acc, x, y *float32)
	gradientSums     func(n int, acc, accX, x, dy *float32, mean float32)
	gradientSumsDx   func(n int, acc, accX, dx, x, dy *float32, mean, c float32)
	dotCentredScaled func(n int, acc, x, dy, gain *float32, mean float32)
	maximum          func(n int, acc, x *float32)

	activation   map[string]func(n int, y, x *float32)
	activationDx map[string]func(n int, dx, x, dy *float32)

	adamw func(n int, p, m, v, grad *float32, c *float32)
	sgd   func(n int, p, m, grad *float32, c *float32)

	philox func(n int, w0, w1, w2, w3 *float32, c *float32)
}

// assembly is filled by the init of an architecture's file.
var assembly [levelAVX512 + 1]vectors

// whole is the part of n that assembly takes.
func whole(n int) int { return n &^ (width - 1) }

func ptr(x []float32) *float32 { return unsafe.SliceData(x) }

// add: y = a + b. y may be a.
func (l level) add(y, a, b []float32) {
	i, a, b := 0, a[:len(y)], b[:len(y)]
	if f := assembly[l].add; f != nil {
		i = whole(len(y))
		f(i, ptr(y), ptr(a), ptr(b))
	}
	for ; i < len(y); i++ {
		y[i] = a[i] + b[i]
	}
}

// mul: y = a * b.
func (l level) mul(y, a, b []float32) {
	i, a, b := 0, a[:len(y)], b[:len(y)]
	if f := assembly[l].mul; f != nil {
		i = whole(len(y))
		f(i, ptr(y), ptr(a), ptr(b))
	}
	for ; i < len(y); i++ {
		y[i] = a[i] * b[i]
	}
}

// scale: y = x * c.
func (l level) scale(y, x []float32, c float32) {
	i, x := 0, x[:len(y)]
	if f := assembly[l].scale; f != nil {
		i = whole(len(y))
		f(i, ptr(y), ptr(x), c)
	}
	for ; i < len(y); i++ {
		y[i] = x[i] * c
	}
}

// shift: y = x + c.
func (l level) shift(y, x []float32, c float32) {
	i, x := 0, x[:len(y)]
	if f := assembly[l].shift; f != nil {
		i = whole(len(y))
		f(i, ptr(y), ptr(x), c)
	}
	for ; i < len(y); i++ {
		y[i] = x[i] + c
	}
}

// expShift: y = e^(x - c), the body of a softmax. y may be x.
func (l level) expShift(y, x []float32, c float32) {
	i, x := 0, x[:len(y)]
	if f := assembly[l].expShift; f != nil {
		i = whole(len(y))
		f(i, ptr(y), ptr(x), c)
	}
	for ; i < len(y); i++ {
		y[i] = expf(x[i] - c)
	}
}

// subScale: y = (a - b) * c.
func (l level) subScale(y, a, b []float32, c float32) {
	i, a, b := 0, a[:len(y)], b[:len(y)]
	if f := assembly[l].subScale; f != nil {
		i = whole(len(y))
		f(i, ptr(y), ptr(a), ptr(b), c)
	}
	for ; i < len(y); i++ {
		y[i] = (a[i] - b[i]) * c
	}
}

// addReLUDx: dx = a + b where y > 0, else 0.
func (l level) addReLUDx(dx, y, a, b []float32) {
	i, y, a, b := 0, y[:len(dx)], a[:len(dx)], b[:len(dx)]
	if f := assembly[l].addReLUDx; f != nil {
		i = whole(len(dx))
		f(i, ptr(dx), ptr(y), ptr(a), ptr(b))
	}
	for ; i < len(dx); i++ {
		dx[i] = reluDx(y[i], a[i]+b[i])
	}
}

// normScalar: y = (x - mean) * scale + bias.
func (l level) normScalar(y, x []float32, mean, scale, bias float32) {
	i, x := 0, x[:len(y)]
	if f := assembly[l].normScalar; f != nil {
		i = whole(len(y))
		f(i, ptr(y), ptr(x), mean, scale, bias)
	}
	for ; i < len(y); i++ {
		y[i] = float32((x[i]-mean)*scale) + bias
	}
}

// normRow: y = ((x - mean) * rstd) * gain + bias.
func (l level) normRow(y, x, gain, bias []float32, mean, rstd float32) {
	i, x, gain, bias := 0, x[:len(y)], gain[:len(y)], bias[:len(y)]
	if f := assembly[l].normRow; f != nil {
		i = whole(len(y))
		f(i, ptr(y), ptr(x), ptr(gain), ptr(bias), mean, rstd)
	}
	for ; i < len(y); i++ {
		y[i] = float32((x[i]-mean)*rstd*gain[i]) + bias[i]
	}
}

// normScalarDx: dx = (dy*a - b) - (x - mean)*c.
func (l level) normScalarDx(dx, x, dy []float32, mean, a, b, c float32) {
	i, x, dy := 0, x[:len(dx)], dy[:len(dx)]
	if f := assembly[l].normScalarDx; f != nil {
		i = whole(len(dx))
		f(i, ptr(dx), ptr(x), ptr(dy), mean, a, b, c)
	}
	for ; i < len(dx); i++ {
		dx[i] = float32(dy[i]*a) - b - float32((x[i]-mean)*c)
	}
}

// normRowDx: dx = rstd * ((dy*gain - m1) - ((x - mean)*rstd)*m2).
func (l level) normRowDx(dx, x, dy, gain []float32, mean, rstd, m1, m2 float32) {
	i, x, dy, gain := 0, x[:len(dx)], dy[:len(dx)], gain[:len(dx)]
	if f := assembly[l].normRowDx; f != nil {
		i = whole(len(dx))
		f(i, ptr(dx), ptr(x), ptr(dy), ptr(gain), mean, rstd, m1, m2)
	}
	for ; i < len(dx); i++ {
		dx[i] = rstd * (float32(dy[i]*gain[i]) - m1 - float32((x[i]-mean)*rstd*m2))
	}
}

// normRowDparams: dgain += dy * ((x - mean)*rstd), dbias += dy.
func (l level) normRowDparams(dgain, dbias, x, dy []float32, mean, rstd float32) {
	i, dbias, x, dy := 0, dbias[:len(dgain)], x[:len(dgain)], dy[:len(dgain)]
	if f := assembly[l].normRowDparams; f != nil {
		i = whole(len(dgain))
		f(i, ptr(dgain), ptr(dbias), ptr(x), ptr(dy), mean, rstd)
	}
	for ; i < len(dgain); i++ {
		dgain[i] += float32(dy[i] * ((x[i] - mean) * rstd))
		dbias[i] += dy[i]
	}
}
