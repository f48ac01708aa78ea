package rng

import (
	"math"

	"github.com/pipe-ml/pipe/accel/elementary"
)

// Uniform is uniform in [lo, hi).
func (s *Stream) Uniform(lo, hi float64) float64 { return lo + float64((hi-lo)*s.Float64()) }

// LogUniform is in [lo, hi), lo > 0, its logarithm uniform.
func (s *Stream) LogUniform(lo, hi float64) float64 {
	return float64(lo * elementary.Exp(float64(s.Float64()*elementary.Log(hi/lo))))
}

// Beta has the beta distribution of two parameters above 0: X / (X + Y) of two gamma variates, computed from their logarithms, for
// small parameters make both tiny.
func (s *Stream) Beta(a, b float64) float64 {
	x, y := s.logGamma(a), s.logGamma(b)
	return 1 / (1 + elementary.Exp(y-x))
}

// logGamma is the logarithm of a gamma variate with shape a, by Marsaglia and Tsang (2000); a shape below 1 is one higher, times
// U^(1/a).
func (s *Stream) logGamma(a float64) float64 {
	boost := 0.0
	if a < 1 {
		boost = elementary.Log(1-s.Float64()) / a
		a++
	}
	d := a - 1.0/3
	c := 1 / math.Sqrt(9*d)
	for {
		x := s.Norm()
		t := 1 + float64(c*x)
		if t <= 0 {
			continue
		}
		v := float64(float64(t*t) * t)
		log := elementary.Log(v)
		if elementary.Log(1-s.Float64()) < float64(0.5*float64(x*x))+float64(d*(1-v+log)) {
			return elementary.Log(d) + log + boost
		}
	}
}
