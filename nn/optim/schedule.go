package optim

import (
	"fmt"
	"math"
)

// Schedule is the learning rate as a function of the step: linear warm-up from Peak/Warmup to Peak over
// Warmup steps, then constant, or a half cosine that reaches 0 after Total steps.
type Schedule struct {
	Kind   string // "cosine" or "constant"
	Peak   float64
	Warmup int // steps
	Total  int // steps, warm-up included
}

// Validate refuses an unknown kind and a warm-up that leaves no step at the peak.
func (s Schedule) Validate() error {
	switch {
	case s.Kind != "cosine" && s.Kind != "constant":
		return fmt.Errorf("learning-rate schedule %q: want cosine or constant", s.Kind)
	case s.Peak < 0 || math.IsNaN(s.Peak):
		return fmt.Errorf("learning rate %v is negative", s.Peak)
	case s.Warmup < 0 || s.Warmup > s.Total:
		return fmt.Errorf("warm-up of %d steps in a run of %d", s.Warmup, s.Total)
	}
	return nil
}

// At is the rate of step, counted from 0.
func (s Schedule) At(step int) float64 {
	if step < s.Warmup {
		return s.Peak * float64(step+1) / float64(s.Warmup)
	}
	if s.Kind == "constant" || s.Total <= s.Warmup {
		return s.Peak
	}
	done := float64(step-s.Warmup) / float64(s.Total-s.Warmup)
	return s.Peak * 0.5 * (1 + math.Cos(math.Pi*math.Min(done, 1)))
}
