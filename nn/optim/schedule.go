package optim

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/pipe-ml/pipe/accel/elementary"
)

// Kinds of schedules.
var Kinds = []string{"cosine", "linear", "constant"}

// Schedule is the learning rate as a function of the step: linear warm-up from Peak/Warmup to Peak over
// Warmup steps, then constant, or a half cosine or a straight line that reaches Min after Total steps.
//
// After the warm-up this is diffusers' get_scheduler of the same name (Min 0) and timm's CosineLRScheduler with
// warmup_prefix (Min its lr_min). During it, the first step already learns, at Peak/Warmup: theirs, at rate 0, would be lost.
type Schedule struct {
	Kind   string // one of Kinds
	Peak   float64
	Min    float64 // the rate at the end, of cosine and linear
	Warmup int     // steps
	Total  int     // steps, warm-up included
}

// Validate refuses an unknown kind and a warm-up that leaves no step at the peak.
func (s Schedule) Validate() error {
	switch {
	case !slices.Contains(Kinds, s.Kind):
		return fmt.Errorf("learning-rate schedule %q: want one of %s", s.Kind, strings.Join(Kinds, ", "))
	case s.Peak < 0 || math.IsNaN(s.Peak):
		return fmt.Errorf("learning rate %v is negative", s.Peak)
	case s.Min < 0 || s.Min > s.Peak:
		return fmt.Errorf("the least learning rate %v is not between 0 and the peak %v", s.Min, s.Peak)
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
	done := math.Min(float64(step-s.Warmup)/float64(s.Total-s.Warmup), 1)
	if s.Kind == "linear" {
		return s.Min + float64((s.Peak-s.Min)*(1-done))
	}
	return s.Min + float64((s.Peak-s.Min)*0.5*(1+elementary.Cos(math.Pi*done)))
}
