package diffusion

import (
	"fmt"
	"math"
)

// ddpm is ancestral sampling (Ho et al. 2020, arXiv:2006.11239, equations 6 and 7), as diffusers' DDPMScheduler: with
// a = abar_t/abar_prev, b = 1-a, prev the next timestep visited, clean data after the last,
//
//	x = sqrt(abar_prev) b/(1-abar_t) x0 + sqrt(a) (1-abar_prev)/(1-abar_t) x + sqrt(v) noise
//
// where v is (1-abar_prev)/(1-abar_t) b for variance_type fixed_small, b for fixed_large. Timestep 0 adds no noise.
type ddpm struct{ chain }

func newDDPM(s *Schedule, o SolverOptions) (Solver, error) {
	if v := s.Config.VarianceType; v != "" && v != fixedSmall && v != fixedLarge {
		return nil, fmt.Errorf("variance_type %q: want %s or %s", v, fixedSmall, fixedLarge)
	}
	c := newChain(s, o.Steps, true)
	c.clean = 1
	return &ddpm{c}, nil
}

const (
	fixedSmall = "fixed_small"
	fixedLarge = "fixed_large"
)

// Step implements Solver.
func (d *ddpm) Step(k int, x, prediction []float32, noise func() []float32) {
	t, prev := d.steps[k], -1
	if k+1 < len(d.steps) {
		prev = d.steps[k+1]
	}
	at, ap := d.share(t), d.share(prev)
	now, a := levelOf(at), at/ap
	fromImage, fromNow := math.Sqrt(ap)*(1-a)/(1-at), math.Sqrt(a)*(1-ap)/(1-at)
	for i := range x {
		x0, _ := d.estimate(now, float64(x[i]), float64(prediction[i]))
		x[i] = float32(float64(fromImage*d.clip(x0)) + float64(fromNow*float64(x[i])))
	}
	if t == 0 {
		return
	}
	v := 1 - a
	if d.Config.VarianceType != fixedLarge {
		v = max((1-ap)/(1-at)*v, 1e-20)
	}
	sigma := math.Sqrt(v)
	for i, z := range noise() {
		x[i] += float32(sigma * float64(z))
	}
}
