package cpu

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/pipe-ml/pipe/accel/rng"
)

// testVector fills n floats that span the range of float32, edges included.
func testVector(name string, n int) []float32 {
	s := rng.New(1, name)
	edges := []float32{0, float32(math.Copysign(0, -1)), 1, -1, 6, float32(math.Inf(1)), float32(math.Inf(-1)),
		math.MaxFloat32, -math.MaxFloat32, math.SmallestNonzeroFloat32, 1e-40, -1e-40, 88.8, -88.8, -103.5, 89, -104}
	x := make([]float32, n)
	for i := range x {
		switch s.Intn(8) {
		case 0:
			x[i] = edges[s.Intn(len(edges))]
		case 1:
			x[i] = float32(s.Norm() * 30)
		default:
			x[i] = float32(s.Norm())
		}
	}
	return x
}

// vectorCalls lists every vector function as one call on operands a, b, c and d, whose results are in out and in the returned.
var vectorCalls = []struct {
	name string
	call func(l level, out, a, b, c, d []float32) []float32
}{
	{"add", func(l level, out, a, b, _, _ []float32) []float32 { l.add(out, a, b); return nil }},
	{"mul", func(l level, out, a, b, _, _ []float32) []float32 { l.mul(out, a, b); return nil }},
	{"scale", func(l level, out, a, _, _, _ []float32) []float32 { l.scale(out, a, 0.3); return nil }},
	{"shift", func(l level, out, a, _, _, _ []float32) []float32 { l.shift(out, a, 0.3); return nil }},
	{"expShift", func(l level, out, a, _, _, _ []float32) []float32 { l.expShift(out, a, 0.3); return nil }},
	{"subScale", func(l level, out, a, b, _, _ []float32) []float32 { l.subScale(out, a, b, 0.3); return nil }},
	{"larger", func(l level, out, a, b, _, _ []float32) []float32 {
		copy(out, a)
		l.larger(out, b)
		return nil
	}},
	{"firstLarger", func(l level, out, a, b, c, d []float32) []float32 {
		copy(out, a)
		copy(d, c)
		l.firstLarger(out, d, b, 7)
		return d
	}},
	{"normScalar", func(l level, out, a, _, _, _ []float32) []float32 { l.normScalar(out, a, 0.3, 0.7, 0.1); return nil }},
	{"normRow", func(l level, out, a, b, c, _ []float32) []float32 { l.normRow(out, a, b, c, 0.3, 0.7); return nil }},
	{"normScalarDx", func(l level, out, a, b, _, _ []float32) []float32 {
		l.normScalarDx(out, a, b, 0.3, 0.7, 0.1, 0.9)
		return nil
	}},
	{"normRowDx", func(l level, out, a, b, c, _ []float32) []float32 {
		l.normRowDx(out, a, b, c, 0.3, 0.7, 0.1, 0.9)
		return nil
	}},
	{"normRowDparams", func(l level, out, a, b, c, d []float32) []float32 {
		copy(out, c)
		l.normRowDparams(out, d, a, b, 0.3, 0.7)
		return d
	}},
	{"sum", sumCall(func(l level, acc *lanes, a, _, _ []float32) { l.sum(acc, a) })},
	{"sumSquares", sumCall(func(l level, acc *lanes, a, _, _ []float32) { l.sumSquares(acc, a, 0.3) })},
	{"sumSquaresDiff", sumCall(func(l level, acc *lanes, a, b, _ []float32) { l.sumSquaresDiff(acc, a, b) })},
	{"dot", sumCall(func(l level, acc *lanes, a, b, _ []float32) { l.dot(acc, a, b) })},
	{"addReLUDx", func(l level, out, a, b, c, _ []float32) []float32 { l.addReLUDx(out, a, b, c); return nil }},
	{"gradientSumsDx", func(l level, out, a, b, _, _ []float32) []float32 {
		s, sx := l.gradientSumsDx(new([2]lanes), out, a, b, 0.3, 0.7)
		return []float32{s, sx}
	}},
	{"gradientSums", func(l level, _, a, b, _, _ []float32) []float32 {
		s, sx := l.gradientSums(new([2]lanes), a, b, 0.3)
		return []float32{s, sx}
	}},
	{"dotCentredScaled", sumCall(func(l level, acc *lanes, a, b, c []float32) { l.dotCentredScaled(acc, a, b, c, 0.3) })},
	{"maximum", sumCall(func(l level, acc *lanes, a, _, _ []float32) {
		if len(a) > 0 {
			l.maximum(acc, a)
		}
	})},
	{"adamw", func(l level, out, a, b, c, _ []float32) []float32 {
		copy(out, a)
		for i, v := range c { // a second moment is never negative
			c[i] = abs(v)
		}
		l.adamw(out, b, c, a, &adamwStep{0.5, 0.99, 0.9, 0.1, 0.99, 0.01, 1.5, 1e-8, 1e-3})
		return slices.Concat(b, c)
	}},
	{"sgd", func(l level, out, a, b, c, _ []float32) []float32 {
		copy(out, a)
		l.sgd(out, b, c, &sgdStep{0.5, 0.01, 0.9, 0.1})
		return b
	}},
}

func sumCall(f func(l level, acc *lanes, a, b, c []float32)) func(level, []float32, []float32, []float32, []float32, []float32) []float32 {
	return func(l level, _, a, b, c, _ []float32) []float32 {
		acc := &lanes{3: 0.25}
		f(l, acc, a, b, c)
		return acc[:]
	}
}

func TestVectorFunctionsGiveTheSameBitsAtEveryLevel(t *testing.T) {
	for _, n := range []int{0, 1, 15, 16, 17, 31, 64, 1000} {
		for _, c := range vectorCalls {
			var want []float32
			for _, l := range slices.Backward(levels()) { // plain Go first
				out := make([]float32, n)
				more := c.call(l, out, testVector("a", n), testVector("b", n), testVector("c", n), testVector("d", n))
				got := slices.Concat(out, more)
				if want == nil {
					want = got
				}
				compareBits(t, fmt.Sprintf("%s of %d at level %s", c.name, n, l), got, want)
			}
		}
	}
}

func TestPhiloxGivesTheSameWordsAtEveryLevel(t *testing.T) {
	for _, l := range levels() {
		for _, first := range []uint64{0, 16, 1<<32 - 16, 1 << 32, 1 << 40} {
			b := newPhiloxBlocks(0x299f31d0a4093822, 77)
			words := b.at(l, first)
			for i := range uint64(width) {
				want := rng.Philox([4]uint32{uint32(first + i), uint32((first + i) >> 32), 77, 0}, [2]uint32{0xa4093822, 0x299f31d0})
				for j, w := range want {
					if words[j][i] != w {
						t.Fatalf("level %s, block %d, word %d is %x, want %x", l, first+i, j, words[j][i], w)
					}
				}
			}
		}
	}
}

func TestActivationsGiveTheSameBitsAtEveryLevel(t *testing.T) {
	plain := map[string]struct {
		y  func(x float32) float32
		dx func(x, dy float32) float32
	}{
		"relu": {relu, reluDx}, "relu6": {relu6, relu6Dx}, "silu": {silu, siluDx}, "gelu": {gelu, geluDx},
		"gelu_tanh": {geluTanh, geluTanhDx}, "quick_gelu": {quickGELU, quickGELUDx},
	}
	const n = 4096
	x, dy, y, dx := testVector("x", n), testVector("dy", n), make([]float32, n), make([]float32, n)
	for _, l := range levels() {
		for name, f := range plain {
			if assembly[l].activation[name] == nil {
				continue // the level "go", or another architecture
			}
			wantY, wantDx := make([]float32, n), make([]float32, n)
			for i := range x {
				wantY[i], wantDx[i] = f.y(x[i]), f.dx(x[i], dy[i])
			}
			assembly[l].activation[name](n, ptr(y), ptr(x))
			compareBits(t, name+" at level "+l.String(), y, wantY)
			assembly[l].activationDx[name](n, ptr(dx), ptr(x), ptr(dy))
			compareBits(t, name+".dx at level "+l.String(), dx, wantDx)
		}
	}
}

// compareBits wants the same bits, any NaN being as good as another.
func compareBits(t *testing.T, what string, got, want []float32) {
	t.Helper()
	for i := range want {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) && !(got[i] != got[i] && want[i] != want[i]) {
			t.Errorf("%s: element %d is %g, want %g", what, i, got[i], want[i])
			return
		}
	}
}
