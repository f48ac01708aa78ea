package chart

import (
	"math"
	"strings"
	"testing"

	"gonum.org/v1/plot"
)

func labels(ticks []plot.Tick) string {
	var words []string
	for _, t := range ticks {
		words = append(words, t.Label)
	}
	return strings.Join(words, " ")
}

func TestAnAxisIsMarkedAtRoundNumbers(t *testing.T) {
	for _, tt := range []struct {
		low, high float64
		want      string
	}{
		{0.33, 0.51, "0.35 0.40 0.45 0.50"},
		{0, 1, "0.0 0.2 0.4 0.6 0.8 1.0"},
		{0.1, 0.3, "0.10 0.15 0.20 0.25 0.30"},
		{-3, 4, "-3 -2 -1 0 1 2 3 4"},
		{0, 100, "0 20 40 60 80 100"},
		{3, 1204, "200 400 600 800 1000 1200"},
		{0, 9e6, "0 2e+06 4e+06 6e+06 8e+06"},
		{0, 3e-7, "0 5e-08 1e-07 1.5e-07 2e-07 2.5e-07 3e-07"},
	} {
		if got := labels(roundTicks{}.Ticks(tt.low, tt.high)); got != tt.want {
			t.Errorf("%v to %v: %s, want %s", tt.low, tt.high, got, tt.want)
		}
	}
}

func TestASymlogAxisShowsZeroAndDecadesEvenly(t *testing.T) {
	for _, tt := range []struct {
		xs   []float64
		want string
	}{
		{[]float64{0, 0.34, 2, 100}, "0 0.1 1 10 100"},
		{[]float64{0.1, 5}, "0.1 1"},
		{[]float64{-20, 0, 3}, "0 -1 1 -10"},
		{[]float64{0}, "0"},
	} {
		s := symlogOf(tt.xs)
		if got := labels(s.ticks(tt.xs)); got != tt.want {
			t.Errorf("%v: %s, want %s", tt.xs, got, tt.want)
		}
	}
	s := symlogOf([]float64{0, 0.34, 100})
	for x, want := range map[float64]float64{0: 0, 0.05: 0.5, 0.1: 1, 1: 2, 10: 3, 100: 4, -0.1: -1, -10: -3} {
		if got := s.place(x); math.Abs(got-want) > 1e-12 {
			t.Errorf("%v is at %v, want %v", x, got, want)
		}
	}
}
