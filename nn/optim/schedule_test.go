package optim

import (
	"math"
	"testing"
)

func TestScheduleFollowsItsFormula(t *testing.T) {
	cosine := Schedule{Kind: "cosine", Peak: 2, Warmup: 4, Total: 12}
	for _, c := range []struct {
		name string
		s    Schedule
		step int
		want float64
	}{
		{"warm-up starts above zero", cosine, 0, 0.5},
		{"warm-up ends at the peak", cosine, 3, 2},
		{"the cosine starts at the peak", cosine, 4, 2},
		{"the cosine is half way in the middle", cosine, 8, 1},
		{"the cosine ends at zero", cosine, 12, 0},
		{"and stays there", cosine, 99, 0},
		{"the cosine ends at its least", Schedule{Kind: "cosine", Peak: 2, Min: 0.2, Warmup: 4, Total: 12}, 12, 0.2},
		{"constant stays at the peak", Schedule{Kind: "constant", Peak: 3, Total: 5}, 4, 3},
	} {
		if got := c.s.At(c.step); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%s: step %d is %v, want %v", c.name, c.step, got, c.want)
		}
	}
}

func TestScheduleRefusesNonsense(t *testing.T) {
	for _, s := range []Schedule{
		{Kind: "step", Peak: 1, Total: 3},
		{Kind: "cosine", Peak: -1, Total: 3},
		{Kind: "cosine", Peak: 1, Min: 2, Total: 3},
		{Kind: "cosine", Peak: 1, Warmup: 4, Total: 3},
	} {
		if s.Validate() == nil {
			t.Errorf("%+v was accepted", s)
		}
	}
}

// After the warm-up the rates are those of diffusers 0.42's get_scheduler and timm 1.0's CosineLRScheduler (warmup_prefix) for
// a peak of 2, 4 steps of warm-up and 12 in all.
func TestScheduleGivesTheRatesOfDiffusersAndTimm(t *testing.T) {
	for _, c := range []struct {
		name string
		s    Schedule
		want []float64 // from step 4 on
	}{
		{"diffusers cosine", Schedule{Kind: "cosine"}, []float64{
			2, 1.9238795325112867, 1.7071067811865475, 1.3826834323650898, 1, 0.6173165676349103, 0.29289321881345254, 0.07612046748871326,
		}},
		{"diffusers linear", Schedule{Kind: "linear"}, []float64{2, 1.75, 1.5, 1.25, 1, 0.75, 0.5, 0.25}},
		{"timm cosine", Schedule{Kind: "cosine", Min: 0.2}, []float64{
			2, 1.9314915792601581, 1.7363961030678927, 1.4444150891285807, 1.1, 0.7555849108714192, 0.4636038969321073, 0.26850842073984194,
		}},
	} {
		c.s.Peak, c.s.Warmup, c.s.Total = 2, 4, 12
		for i, want := range c.want {
			if got := c.s.At(4 + i); math.Abs(got-want) > 1e-12 {
				t.Errorf("%s: step %d is %v, want %v", c.name, 4+i, got, want)
			}
		}
	}
}
