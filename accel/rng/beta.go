package rng

import "math"

// Uniform is uniform in [lo, hi).
func (s *Stream) Uniform(lo, hi float64) float64 { return lo + float64((hi-lo)*s.Float64()) }

// LogUniform is in [lo, hi), lo > 0, its logarithm uniform.
func (s *Stream) LogUniform(lo, hi float64) float64 {
	return float64(lo * exp(float64(s.Float64()*logUnit(hi/lo))))
}

// Beta has the beta distribution of two parameters above 0: X / (X + Y) of two gamma variates, computed from their logarithms, for
// small parameters make both tiny.
func (s *Stream) Beta(a, b float64) float64 {
	x, y := s.logGamma(a), s.logGamma(b)
	return 1 / (1 + exp(y-x))
}

// logGamma is the logarithm of a gamma variate with shape a, by Marsaglia and Tsang (2000); a shape below 1 is one higher, times
// U^(1/a).
func (s *Stream) logGamma(a float64) float64 {
	boost := 0.0
	if a < 1 {
		boost = logUnit(1-s.Float64()) / a
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
		log := logUnit(v)
		if logUnit(1-s.Float64()) < float64(0.5*float64(x*x))+float64(d*(1-v+log)) {
			return logUnit(d) + log + boost
		}
	}
}

// exp is e^x, to some units in the last place; it ends at the least and the largest normal number.
func exp(x float64) float64 {
	const log2e, ln2Hi, ln2Lo = 0x1.71547652b82fep0, 0x1.62e42feep-1, 0x1.a39ef35793c76p-33
	x = min(max(x, -708), 709)
	n := math.Floor(float64(x*log2e) + 0.5)
	r := x - float64(n*ln2Hi) - float64(n*ln2Lo)
	sum := 1.0 // the series of e^r by Horner, r to 0.35
	for k := 15.0; k > 0; k-- {
		sum = 1 + float64(sum*r)/k
	}
	return math.Ldexp(sum, int(n))
}
