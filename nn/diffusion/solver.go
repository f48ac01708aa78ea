package diffusion

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Solver integrates from noise to images: it says at which timesteps the network is asked, and moves the latents by what the
// network predicts. It remembers earlier predictions, so it serves one batch. Its numbers are those of diffusers' scheduler of that name.
type Solver interface {
	// Timesteps are those at which the network is asked, noisiest first. One may come twice.
	Timesteps() []int
	// Step moves x in place by the prediction at Timesteps()[k]. k counts from 0 without gaps. noise draws standard normal values
	// for every element of x; a deterministic solver does not call it.
	Step(k int, x, prediction []float32, noise func() []float32)
}

// SolverOptions choose a solver.
type SolverOptions struct {
	Scheduler string  // one of Schedulers; "" is ddim
	Steps     int     // of the chain; pndm asks the network more often
	Eta       float64 // of ddim: 0 deterministic, 1 as noisy as ddpm
}

// solvers makes solvers by name.
var solvers = map[string]func(s *Schedule, o SolverOptions) (Solver, error){
	"ddim": newDDIM, "ddpm": newDDPM, "dpmsolver++": newDPMSolver, "pndm": newPNDM,
}

// Schedulers are the names of the solvers, sorted.
func Schedulers() []string { return slices.Sorted(maps.Keys(solvers)) }

// NewSolver makes the solver of a batch. It refuses steps that the chain does not have, and configurations that the solver cannot follow.
func NewSolver(s *Schedule, o SolverOptions) (Solver, error) {
	if o.Scheduler == "" {
		o.Scheduler = "ddim"
	}
	build, ok := solvers[o.Scheduler]
	if !ok {
		return nil, fmt.Errorf("scheduler %q is not known; there are %s", o.Scheduler, strings.Join(Schedulers(), ", "))
	}
	if o.Steps < 1 || o.Steps > s.Len() {
		return nil, fmt.Errorf("%d sampling steps with %d timesteps", o.Steps, s.Len())
	}
	if !(o.Eta >= 0 && o.Eta <= 1) || o.Eta > 0 && o.Scheduler != "ddim" {
		return nil, fmt.Errorf("%s: eta %v: it is 0 to 1 for ddim, and 0 for the others", o.Scheduler, o.Eta)
	}
	v, err := build(s, o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.Scheduler, err)
	}
	for _, t := range v.Timesteps() {
		if s.abar[t] == 0 && s.Config.PredictionType == epsilon && o.Scheduler != "dpmsolver++" {
			return nil, fmt.Errorf("%s: timestep %d is pure noise, from which epsilon tells no image: use timestep_spacing leading, or a "+
				"network of v_prediction", o.Scheduler, t)
		}
	}
	return v, nil
}

// chain is what the solvers over the training's timesteps have in common.
type chain struct {
	*Schedule
	steps []int
	clean float64 // signal's share beyond timestep 0
}

// newChain spaces n timesteps; missing is what set_alpha_to_one means where it is not configured.
func newChain(s *Schedule, n int, missing bool) chain {
	c := chain{Schedule: s, steps: s.timesteps(n), clean: 1}
	if !either(s.Config.SetAlphaToOne, missing) {
		c.clean = s.abar[0]
	}
	return c
}

// Timesteps implements Solver.
func (c *chain) Timesteps() []int { return c.steps }

// share is the signal's share of the variance at t; negative is clean data.
func (c *chain) share(t int) float64 {
	if t < 0 {
		return c.clean
	}
	return c.abar[t]
}

// clip bounds a predicted image element as configured.
func (c *chain) clip(x0 float64) float64 {
	if limit := c.Config.ClipSampleRange; c.Config.ClipSample {
		return min(max(x0, -limit), limit)
	}
	return x0
}

// either is a configured switch, or its value where it is missing.
func either(configured *bool, missing bool) bool {
	if configured == nil {
		return missing
	}
	return *configured
}
