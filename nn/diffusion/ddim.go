package diffusion

import "math"

// ddim is DDIM (Song et al. 2021, arXiv:2010.02502), as diffusers' DDIMScheduler: with x0 and eps from the prediction,
//
//	sigma = eta sqrt((1-abar_prev)/(1-abar_t)) sqrt(1 - abar_t/abar_prev)
//	x = sqrt(abar_prev) x0 + sqrt(1-abar_prev-sigma^2) eps + sigma noise
//
// With clip_sample x0 is clipped; eps stays, as in diffusers unless it is told otherwise. prev is t less the whole part of the chain's
// length by the steps, also where the spacing's next timestep is another one.
type ddim struct {
	chain
	stride int
	eta    float64
}

func newDDIM(s *Schedule, o SolverOptions) (Solver, error) {
	return &ddim{chain: newChain(s, o.Steps, true), stride: s.Len() / o.Steps, eta: o.Eta}, nil
}

// Step implements Solver.
func (d *ddim) Step(k int, x, prediction []float32, noise func() []float32) {
	t := d.steps[k]
	at, ap := d.share(t), d.share(t-d.stride)
	now := levelOf(at)
	sigma := d.eta * math.Sqrt((1-ap)/(1-at)*(1-at/ap))
	nextA, nextN := math.Sqrt(ap), math.Sqrt(1-ap-float64(sigma*sigma))
	for i := range x {
		x0, e := d.estimate(now, float64(x[i]), float64(prediction[i]))
		x[i] = float32(float64(nextA*d.clip(x0)) + float64(nextN*e))
	}
	if sigma > 0 {
		for i, z := range noise() {
			x[i] += float32(sigma * float64(z))
		}
	}
}
