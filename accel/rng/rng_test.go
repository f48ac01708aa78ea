package rng

import (
	"math"
	"sort"
	"testing"
)

func TestPhiloxGivesThePublishedVectors(t *testing.T) {
	// kat_vectors of Random123, "philox4x32 10".
	tests := []struct {
		counter [4]uint32
		key     [2]uint32
		want    [4]uint32
	}{
		{[4]uint32{}, [2]uint32{}, [4]uint32{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
		{
			[4]uint32{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, [2]uint32{0xffffffff, 0xffffffff},
			[4]uint32{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd},
		},
		{
			[4]uint32{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, [2]uint32{0xa4093822, 0x299f31d0},
			[4]uint32{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1},
		},
	}
	for _, c := range tests {
		if got := Philox(c.counter, c.key); got != c.want {
			t.Errorf("Philox(%x, %x) = %x, want %x", c.counter, c.key, got, c.want)
		}
	}
}

func TestStreamsDependOnSeedAndName(t *testing.T) {
	first := func(seed uint64, name string) uint64 { return New(seed, name).Uint64() }
	if a := first(1, "a"); a != first(1, "a") {
		t.Error("the same stream gave other numbers")
	}
	if first(1, "a") == first(2, "a") || first(1, "a") == first(1, "b") {
		t.Error("another seed or name gave the same numbers")
	}
}

// The numbers themselves are fixed for good: weights, splits and noise of every study hang on them.
func TestStreamNumbersNeverChange(t *testing.T) {
	s := New(42, "golden")
	got := []any{s.Uint32(), s.Float32(), s.Float64(), s.Norm(), s.Norm(), s.Norm(), s.Intn(1000)}
	want := []any{
		uint32(0xac4eedc4), float32(0.75808614), 0.33732096928921973, -0.11987554739463224,
		-0.71658684558601, 1.261467441431882, 425,
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("number %d is %v, want %v", i, got[i], want[i])
		}
	}
}

func TestNormHasTheMomentsAndTailsOfANormal(t *testing.T) {
	s := New(7, "norm")
	const n = 200000
	var m [5]float64
	tail := 0
	for range n {
		x := s.Norm()
		p := 1.0
		for k := range m {
			m[k] += p / n
			p *= x
		}
		if math.Abs(x) > 3 {
			tail++
		}
	}
	for k, want := range []float64{1, 0, 1, 0, 3} {
		if math.Abs(m[k]-want) > 0.06 {
			t.Errorf("moment %d is %g, want %g", k, m[k], want)
		}
	}
	if f := float64(tail) / n; math.Abs(f-0.0027) > 0.0006 {
		t.Errorf("%g of the numbers are beyond 3 sigma, want 0.0027", f)
	}
}

func TestUniformNumbersFillTheirRange(t *testing.T) {
	s := New(9, "uniform")
	counts := make([]int, 10)
	var sum32, sum64 float64
	const n = 100000
	for range n {
		counts[s.Intn(10)]++
		a, b := s.Float32(), s.Float64()
		if a < 0 || a >= 1 || b < 0 || b >= 1 {
			t.Fatalf("%v or %v is outside [0, 1)", a, b)
		}
		sum32 += float64(a)
		sum64 += b
	}
	for d, c := range counts {
		if c < n/10-500 || c > n/10+500 {
			t.Errorf("%d came %d times of %d", d, c, n)
		}
	}
	if math.Abs(sum32/n-0.5) > 0.005 || math.Abs(sum64/n-0.5) > 0.005 {
		t.Errorf("means %g and %g, want 0.5", sum32/n, sum64/n)
	}
}

func TestPermIsAPermutation(t *testing.T) {
	p := New(1, "perm").Perm(257)
	moved := 0
	for i, v := range p {
		if i != v {
			moved++
		}
	}
	sort.Ints(p)
	for i, v := range p {
		if i != v {
			t.Fatalf("%d is missing", i)
		}
	}
	if moved < 200 {
		t.Errorf("only %d of 257 moved", moved)
	}
}
