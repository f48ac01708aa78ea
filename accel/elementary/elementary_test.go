package elementary

import (
	"math"
	"testing"
)

func TestFunctionsAgreeWithTheStandardLibrary(t *testing.T) {
	for _, c := range []struct {
		name               string
		ours, std          func(float64) float64
		lo, hi             float64
		absolute, relative float64
	}{
		{"exp", Exp, math.Exp, -700, 700, 0, 1e-14},
		{"log", Log, math.Log, 1e-12, 1, 0, 5e-16},
		{"log", Log, math.Log, 1, 1e6, 0, 5e-16},
		{"x^2.2", func(x float64) float64 { return Pow(x, 2.2) }, func(x float64) float64 { return math.Pow(x, 2.2) }, 1e-9, 10, 0, 3e-14},
		{"x^(-2/3)", func(x float64) float64 { return Pow(x, -2./3) }, func(x float64) float64 { return math.Pow(x, -2./3) }, 1, 1e6, 0, 1e-14},
		{"x^7", func(x float64) float64 { return Power(x, 7) }, func(x float64) float64 { return math.Pow(x, 7) }, -10, 10, 0, 1e-15},
		{"sin", Sin, math.Sin, -1e4, 1e4, 1e-15, 0},
		{"cos", Cos, math.Cos, -1e4, 1e4, 1e-15, 0},
		{"sin", Sin, math.Sin, -2, 2, 1e-15, 0},
		{"cos", Cos, math.Cos, -2, 2, 1e-15, 0},
	} {
		const steps = 10007
		for i := range steps + 1 {
			x := c.lo + float64((c.hi-c.lo)*float64(i))/steps
			got, want := c.ours(x), c.std(x)
			if !(math.Abs(got-want) <= c.absolute+float64(c.relative*math.Abs(want))) {
				t.Errorf("%s(%v) is %v, want %v", c.name, x, got, want)
			}
		}
	}
	if Exp(-1e9) > 1e-300 || Exp(1e9) < 1e300 {
		t.Errorf("far out: %g, %g", Exp(-1e9), Exp(1e9))
	}
}

func TestExactPlacesAndNaN(t *testing.T) {
	for _, c := range []struct {
		name      string
		got, want float64
	}{
		{"e^0", Exp(0), 1},
		{"sin 0", Sin(0), 0},
		{"cos 0", Cos(0), 1},
		{"log 1", Log(1), 0},
		{"log 0", Log(0), math.Inf(-1)},
		{"0^0.5", Pow(0, 0.5), 0},
		{"1^0.3", Pow(1, 0.3), 1},
		{"0.9^0", Power(0.9, 0), 1},
	} {
		if c.got != c.want {
			t.Errorf("%s is %v, want %v", c.name, c.got, c.want)
		}
	}
	if got := Exp(math.NaN()); got == got {
		t.Errorf("e^NaN is %v", got)
	}
}

// Learning rates and losses hang on these bits; every processor must give them.
func TestBitsNeverChange(t *testing.T) {
	for _, c := range []struct {
		name string
		got  float64
		want uint64
	}{
		{"exp", Exp(-1.2345), 0x3fd29f6b7bfe469d},
		{"log", Log(1.2345), 0x3fcaf71abe30f490},
		{"sin", Sin(1234.5), 0x3fc29c531dfd031b},
		{"cos", Cos(1234.5), 0xbfefa8f2ceb78372},
		{"pow", Pow(1.2345, -0.789), 0x3feb1981f05a4dfc},
		{"power", Power(0.999, 12345), 0x3ed22391fb9458b0},
		{"exp2", Exp2(-1.2345), 0x3fdb330844ad2836},
		{"exp2 of 1024", Exp2(1024), 0x7ff0000000000000},
		{"exp2 of -1075", Exp2(-1075), 0},
	} {
		if bits := math.Float64bits(c.got); bits != c.want {
			t.Errorf("%s has the bits %#x, want %#x", c.name, bits, c.want)
		}
	}
}
