package cpu

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// exactFMA rounds x*y+z once, by arbitrary precision.
func exactFMA(x, y, z float32) float32 {
	exact := func(v float32) *big.Float { return new(big.Float).SetPrec(1200).SetFloat64(float64(v)) }
	p := exact(x)
	p.Mul(p, exact(y))
	p.Add(p, exact(z))
	if p.Sign() == 0 {
		return x*y + z // the sign of an exact zero
	}
	f, _ := p.Float32()
	return f
}

func TestFMA32RoundsOnce(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	bits := func() float32 {
		for {
			if v := math.Float32frombits(r.Uint32()); !math.IsNaN(float64(v)) && !math.IsInf(float64(v), 0) {
				return v
			}
		}
	}
	// few significant bits and near exponents: sums on or beside the middle of two float32
	short := func() float32 {
		return float32(math.Ldexp(float64(1+2*r.IntN(1<<12)), -r.IntN(30))) * float32(1-2*r.IntN(2))
	}
	check := func(x, y, z float32) {
		t.Helper()
		got, want := fma32(x, y, z), exactFMA(x, y, z)
		if math.Float32bits(got) != math.Float32bits(want) {
			t.Fatalf("fma32(%x, %x, %x) = %x, want %x", x, y, z, got, want)
		}
	}
	middles := 0
	for range 200_000 {
		check(bits(), bits(), bits())
		x, y := short(), short()
		z := short() * float32(math.Ldexp(1, r.IntN(40)-5))
		check(x, y, z)
		// subnormal results
		check(x*1e-20, y*1e-20, z*1e-38)
		// z's neighbourhood: the product is half a unit of z, give or take a little
		ulp := math.Nextafter32(1, 2) - 1
		check(1+ulp*float32(r.IntN(3)-1), ulp/2, 1+ulp*float32(r.IntN(8)))
		if s := float64(x)*float64(y) + float64(z); math.Float64bits(s)&(1<<28-1) == 0 {
			middles++
		}
	}
	if middles < 1000 {
		t.Fatalf("only %d sums took the hard path", middles)
	}
	check(0x1p-149, 0.5, 0)
	check(0x1.fffffep127, 1, 0x1p103)
	check(0x1.fffffep127, 1, 0x1p102)
}

func TestFMA32KeepsInfinitiesAndNaN(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	if v := fma32(inf, 1, 1); v != inf {
		t.Errorf("inf*1+1 = %v", v)
	}
	if v := fma32(1, 1, -inf); v != -inf {
		t.Errorf("1*1-inf = %v", v)
	}
	for _, v := range []float32{fma32(inf, 0, 1), fma32(inf, 1, -inf), fma32(nan, 1, 1), fma32(1, 1, nan)} {
		if v == v {
			t.Errorf("got %v, want NaN", v)
		}
	}
}
