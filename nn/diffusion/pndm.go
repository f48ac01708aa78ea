package diffusion

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// pndm is the pseudo linear multistep method (Liu et al. 2022, arXiv:2202.09778), as diffusers' PNDMScheduler: steps by formula 9
// along a mean of the last four predictions. Without skip_prk_steps the first three steps are Runge-Kutta's, of four predictions
// each; with it the first is Heun's, which asks the network twice at the second timestep.
type pndm struct {
	chain
	stride int
	prk    int // of the predictions, those of Runge-Kutta

	past  [][]float32 // predictions, newest last
	mean  []float64   // of a Runge-Kutta step, so far
	start []float32   // latents where a step of several predictions began
}

func newPNDM(s *Schedule, o SolverOptions) (Solver, error) {
	if s.Config.PredictionType == original {
		return nil, fmt.Errorf("prediction type %q: want %s or %s", original, epsilon, velocity)
	}
	if s.Config.RescaleBetasZeroSNR {
		return nil, errors.New("rescale_betas_zero_snr: it divides by the signal, of which the last timestep has none")
	}
	p := &pndm{chain: newChain(s, o.Steps, false), stride: s.Len() / o.Steps}
	n := len(p.steps)
	switch {
	case !s.Config.SkipPRKSteps && n < 4:
		return nil, fmt.Errorf("%d steps: it takes 4, or skip_prk_steps", n)
	case !s.Config.SkipPRKSteps:
		var start []int
		for i := range 3 {
			middle := min(p.steps[i+1]+p.stride/2, s.Len()-1)
			start = append(start, p.steps[i], middle, middle, p.steps[i+1])
		}
		p.prk, p.steps = len(start), append(start, p.steps[3:]...)
	case n > 1:
		p.steps = slices.Insert(p.steps, 1, p.steps[1])
	}
	return p, nil
}

// Step implements Solver.
func (p *pndm) Step(k int, x, prediction []float32, _ func() []float32) {
	if k < p.prk {
		p.rungeKutta(k, x, prediction)
		return
	}
	t := p.steps[k]
	prev := t - p.stride
	if k == 1 && p.prk == 0 {
		t, prev = min(t+p.stride, p.Len()-1), t
	} else {
		if len(p.past) == 4 {
			p.past = p.past[1:]
		}
		p.past = append(p.past, slices.Clone(prediction))
	}
	from := x
	if p.prk == 0 && k == 0 {
		p.start = slices.Clone(x)
	} else if p.prk == 0 && k == 1 {
		from = p.start
	}
	n := len(p.past)
	e := func(back, i int) float64 { return float64(p.past[n-back][i]) }
	p.move(x, from, t, prev, func(i int) float64 {
		switch {
		case n == 1 && k == 0:
			return e(1, i)
		case n == 1:
			return (float64(prediction[i]) + e(1, i)) / 2
		case n == 2:
			return (float64(3*e(1, i)) - e(2, i)) / 2
		case n == 3:
			return (float64(23*e(1, i)) - float64(16*e(2, i)) + float64(5*e(3, i))) / 12
		}
		return (float64(55*e(1, i)) - float64(59*e(2, i)) + float64(37*e(3, i)) - float64(9*e(4, i))) / 24
	})
}

// rungeKutta is a quarter of a step of the classical method. The parts of a step share where it began.
func (p *pndm) rungeKutta(k int, x, prediction []float32) {
	part := k % 4
	if part == 0 {
		p.mean = make([]float64, len(x))
		p.start = slices.Clone(x)
		p.past = append(p.past, slices.Clone(prediction))
	}
	weight := []float64{1. / 6, 1. / 3, 1. / 3, 1. / 6}[part]
	for i, v := range prediction {
		p.mean[i] += float64(weight * float64(v))
	}
	prev := p.steps[k]
	if k%2 == 0 {
		prev -= p.stride / 2
	}
	p.move(x, p.start, p.steps[k-part], prev, func(i int) float64 {
		if part == 3 {
			return p.mean[i]
		}
		return float64(prediction[i])
	})
}

// move writes to x what formula 9 makes of from, going from t to prev along the prediction e.
func (p *pndm) move(x, from []float32, t, prev int, e func(i int) float64) {
	at, ap := p.share(t), p.share(prev)
	now, gain := levelOf(at), math.Sqrt(ap/at)
	along := (ap - at) / (float64(at*math.Sqrt(1-ap)) + math.Sqrt(at*(1-at)*ap))
	for i := range x {
		was, v := float64(from[i]), e(i)
		if p.Config.PredictionType == velocity {
			v = float64(now.signal*v) + float64(now.noise*was)
		}
		x[i] = float32(float64(gain*was) - float64(along*v))
	}
}
