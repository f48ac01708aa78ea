package cpu

import (
	"math"
	"testing"
)

// ulps is the distance of got from want in units of want's last place in float32.
func ulps(got float32, want float64) float64 {
	_, e := math.Frexp(want)
	return math.Abs(float64(got)-want) / math.Ldexp(1, max(e-24, -149))
}

func TestElementaryFunctionsAreAccurate(t *testing.T) {
	gaussian := func(x float64) float64 { return math.Exp(-x * x / 2) }
	tests := []struct {
		name   string
		lo, hi float64
		got    func(x float32) float32
		want   func(x float64) float64
		bound  float64 // ulps
	}{
		{"exp", -87.3, 88.3, expf, math.Exp, 1.1},
		{"log", 1, 1 << 24, logf, math.Log, 0.51},
		{"sigmoid", -80, 80, sigmoidf, func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }, 3},
		// The rounding of t counts threefold at 0, and just below 0 the unit halves.
		{"normal cdf near 0", -1, 6, func(x float32) float32 { c, _ := normalf(x); return c },
			func(x float64) float64 { return math.Erfc(-x/math.Sqrt2) / 2 }, 8},
		// In the tail the rounding of x^2 is multiplied by x^2/2.
		{"normal cdf tail", -12, -1, func(x float32) float32 { c, _ := normalf(x); return c },
			func(x float64) float64 { return math.Erfc(-x/math.Sqrt2) / 2 }, 90},
		{"gaussian", -4, 4, func(x float32) float32 { _, e := normalf(x); return e }, gaussian, 12},
	}
	const steps = 200000
	for _, c := range tests {
		worst, at := 0.0, float32(0)
		for i := range steps {
			x := float32(c.lo + (c.hi-c.lo)*float64(i)/steps)
			if u := ulps(c.got(x), c.want(float64(x))); !(u <= worst) {
				worst, at = u, x
			}
		}
		t.Logf("%s: %.2f ulps at %g", c.name, worst, at)
		if !(worst <= c.bound) {
			t.Errorf("%s is off by %.2f ulps at %g, allowed %.2f", c.name, worst, at, c.bound)
		}
	}
}

func TestElementaryFunctionsAtTheEdges(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	tests := []struct {
		name      string
		got, want float32
	}{
		{"exp(0)", expf(0), 1},
		{"exp(-inf)", expf(-inf), 0},
		{"exp(inf)", expf(inf), inf},
		{"exp(nan)", expf(nan), nan},
		{"exp(-87.7)", expf(-87.7), 0},
		{"exp(88.73)", expf(88.73), inf},
		{"sigmoid(inf)", sigmoidf(inf), 1},
		{"sigmoid(-inf)", sigmoidf(-inf), 0},
		{"gelu(20)", gelu(20), 20},
		{"gelu(-20)", gelu(-20), float32(math.Copysign(0, -1))},
		{"silu(-200)", silu(-200), float32(math.Copysign(0, -1))},
		{"relu(nan)", relu(nan), nan},
		{"relu6(7)", relu6(7), 6},
		{"log(1)", logf(1), 0},
	}
	for _, c := range tests {
		if math.Float32bits(c.got) != math.Float32bits(c.want) && !(c.got != c.got && c.want != c.want) {
			t.Errorf("%s = %g, want %g", c.name, c.got, c.want)
		}
	}
}
