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
		{"constant stays at the peak", Schedule{Kind: "constant", Peak: 3, Total: 5}, 4, 3},
	} {
		if got := c.s.At(c.step); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%s: step %d is %v, want %v", c.name, c.step, got, c.want)
		}
	}
}

func TestScheduleRefusesNonsense(t *testing.T) {
	for _, s := range []Schedule{
		{Kind: "linear", Peak: 1, Total: 3},
		{Kind: "cosine", Peak: -1, Total: 3},
		{Kind: "cosine", Peak: 1, Warmup: 4, Total: 3},
	} {
		if s.Validate() == nil {
			t.Errorf("%+v was accepted", s)
		}
	}
}
