package rng

import (
	"math"
	"testing"
)

func TestBetaHasTheMomentsOfABeta(t *testing.T) {
	const n = 40000
	for _, c := range [][2]float64{{0.2, 0.2}, {1, 1}, {0.8, 3}, {5, 2}, {0.001, 0.001}} {
		s, a, b := New(1, "beta"), c[0], c[1]
		sum, squares := 0.0, 0.0
		for range n {
			x := s.Beta(a, b)
			if !(x >= 0 && x <= 1) {
				t.Fatalf("Beta(%v, %v) gave %v", a, b, x)
			}
			sum += x
			squares += x * x
		}
		mean, variance := sum/n, squares/n-sum/n*sum/n
		wantMean, wantVariance := a/(a+b), a*b/((a+b)*(a+b)*(a+b+1))
		if math.Abs(mean-wantMean) > 0.01 || math.Abs(variance-wantVariance) > 0.01 {
			t.Errorf("Beta(%v, %v): mean %v, variance %v; want %v, %v", a, b, mean, variance, wantMean, wantVariance)
		}
	}
}

func TestLogUniformFillsItsRangeInRatios(t *testing.T) {
	s, low := New(4, "ratio"), 0
	for range 10000 {
		x := s.LogUniform(0.25, 4)
		if x < 0.25 || x >= 4.0000001 {
			t.Fatalf("%v is outside", x)
		}
		if x < 1 {
			low++
		}
	}
	if low < 4800 || low > 5200 {
		t.Errorf("%d of 10000 are below 1", low)
	}
}
