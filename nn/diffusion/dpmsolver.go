package diffusion

import (
	"fmt"
	"math"
	"slices"

	"github.com/pipe-ml/pipe/accel/elementary"
)

// dpmSolver is DPM-Solver++ 2M (Lu et al. 2022, arXiv:2211.01095), as diffusers' DPMSolverMultistepScheduler with algorithm_type
// dpmsolver++: with signal a and noise s at a level, lambda = log(a/s), h the way in lambda, m0 the predicted image and m1 the one before,
//
//	x = s'/s x - a' (exp(-h)-1) (m0 + (m0-m1)/(2r)),  r = h_before/h      (midpoint; heun's second factor differs)
//
// First and, as configured, last step are of first order, without m1. The configuration's clip_sample is not its.
type dpmSolver struct {
	*Schedule
	steps  []int
	sigmas []float64 // noise by signal at each step and behind the last
	order  int
	before []float64 // image predicted a step earlier
}

func newDPMSolver(s *Schedule, o SolverOptions) (Solver, error) {
	c := s.Config
	d := &dpmSolver{Schedule: s, order: c.SolverOrder}
	if d.order == 0 {
		d.order = 2
	}
	switch {
	case d.order > 2:
		return nil, fmt.Errorf("solver_order %d: want 1 or 2", d.order)
	case c.SolverType != "" && c.SolverType != "midpoint" && c.SolverType != "heun":
		return nil, fmt.Errorf("solver_type %q: want midpoint or heun", c.SolverType)
	case c.FinalSigmasType != "" && c.FinalSigmasType != "zero" && c.FinalSigmasType != "sigma_min":
		return nil, fmt.Errorf("final_sigmas_type %q: want zero or sigma_min", c.FinalSigmasType)
	}
	all := make([]float64, s.Len())
	for t, a := range s.abar {
		if a == 0 { // of rescale_betas_zero_snr: an infinite sigma has no lambda
			a = 1. / (1 << 24)
		}
		all[t] = math.Sqrt((1 - a) / a)
	}
	if c.UseKarrasSigmas {
		d.karras(all, o.Steps)
	} else {
		d.steps = s.spread(o.Steps, d.last(all))
		for _, t := range d.steps {
			d.sigmas = append(d.sigmas, all[t])
		}
	}
	end := 0.0
	if c.FinalSigmasType == "sigma_min" {
		end = all[0]
	}
	d.sigmas = append(d.sigmas, end)
	return d, nil
}

// last is how many timesteps have a lambda of at least lambda_min_clipped.
func (d *dpmSolver) last(sigmas []float64) int {
	if d.Config.LambdaMinClipped == nil {
		return d.Len()
	}
	n := slices.IndexFunc(sigmas, func(sigma float64) bool { return -elementary.Log(sigma) < *d.Config.LambdaMinClipped })
	if n < 0 {
		return d.Len()
	}
	return max(n, 1)
}

// spread spaces n timesteps over the first last ones of the chain: linspace and leading leave timestep 0 to the last step's end.
func (s *Schedule) spread(n, last int) []int {
	var steps []int
	switch s.Config.TimestepSpacing {
	case leading:
		for i := n; i > 0; i-- {
			steps = append(steps, min(i*(last/(n+1))+s.Config.StepsOffset, s.Len()-1))
		}
	case trailing:
		stride := float64(s.Len()) / float64(n)
		for i := 0; float64(last)-float64(float64(i)*stride) > 0 && i < n; i++ {
			steps = append(steps, max(int(math.RoundToEven(float64(last)-float64(float64(i)*stride)))-1, 0))
		}
	default:
		for i := n; i > 0; i-- {
			steps = append(steps, int(math.RoundToEven(float64(i)*(float64(last-1)/float64(n)))))
		}
	}
	return steps
}

// karras spaces n sigmas evenly in sigma^(1/7) (Karras et al. 2022, arXiv:2206.00364) and finds the timesteps that lie nearest.
func (d *dpmSolver) karras(all []float64, n int) {
	const rho = 7
	high, low := elementary.Pow(all[len(all)-1], 1./rho), elementary.Pow(all[0], 1./rho)
	for i := range n {
		ramp := float64(i) / float64(max(n-1, 1))
		sigma := elementary.Power(high+float64(ramp*(low-high)), rho)
		d.sigmas = append(d.sigmas, sigma)
		d.steps = append(d.steps, d.nearest(all, sigma))
	}
}

// nearest interpolates the timestep of a sigma in log sigma. diffusers does not round on a cosine schedule, and cuts off.
func (d *dpmSolver) nearest(all []float64, sigma float64) int {
	above := slices.IndexFunc(all, func(v float64) bool { return v > sigma })
	if above < 0 {
		above = len(all)
	}
	i := min(max(above-1, 0), len(all)-2)
	low, high := elementary.Log(all[i]), elementary.Log(all[i+1])
	w := min(max((low-elementary.Log(sigma))/(low-high), 0), 1)
	t := float64((1-w)*float64(i)) + float64(w*float64(i+1))
	if d.Config.BetaSchedule != cosine {
		t = math.RoundToEven(t)
	}
	return int(t)
}

// Timesteps implements Solver.
func (d *dpmSolver) Timesteps() []int { return d.steps }

// levelAt is that of a sigma, and its lambda.
func levelAt(sigma float64) (l level, lambda float64) {
	l.signal = 1 / math.Sqrt(float64(sigma*sigma)+1)
	l.noise = sigma * l.signal
	return l, elementary.Log(l.signal) - elementary.Log(l.noise)
}

// Step implements Solver.
func (d *dpmSolver) Step(k int, x, prediction []float32, _ func() []float32) {
	now, lambda := levelAt(d.sigmas[k])
	next, end := levelAt(d.sigmas[k+1])
	h := end - lambda
	grow := elementary.Exp(-h) - 1
	second := d.order == 2 && k > 0 && !d.firstAt(k)
	var slope float64
	if second {
		_, was := levelAt(d.sigmas[k-1])
		slope = h / (lambda - was) // 1/r
		if d.Config.SolverType == "heun" {
			slope *= -next.signal * (grow/h + 1)
		} else {
			slope *= 0.5 * next.signal * grow
		}
	}
	images := make([]float64, len(x))
	keep, take := next.noise/now.noise, next.signal*grow
	for i := range x {
		m, _ := d.estimate(now, float64(x[i]), float64(prediction[i]))
		y := float64(keep*float64(x[i])) - float64(take*m)
		if second {
			y -= float64(slope * (m - d.before[i]))
		}
		x[i], images[i] = float32(y), m
	}
	d.before = images
}

// firstAt tells whether a step is of first order as the last one.
func (d *dpmSolver) firstAt(k int) bool {
	c := d.Config
	few := either(c.LowerOrderFinal, true) && len(d.steps) < 15
	return k == len(d.steps)-1 && (c.EulerAtFinal || few || c.FinalSigmasType != "sigma_min")
}
