package diffusion

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func schedule(t *testing.T, edit func(*ScheduleConfig)) *Schedule {
	t.Helper()
	c := DefaultSchedule()
	if edit != nil {
		edit(&c)
	}
	s, err := NewSchedule(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestScheduleMatchesItsFormula(t *testing.T) {
	// Products of 1-beta, by hand for a chain of three.
	linear := schedule(t, func(c *ScheduleConfig) {
		c.NumTrainTimesteps, c.BetaStart, c.BetaEnd, c.BetaSchedule = 3, 0.1, 0.3, "linear"
	})
	for i, want := range []float64{0.9, 0.9 * 0.8, 0.9 * 0.8 * 0.7} {
		if got := linear.AlphaBar(i); math.Abs(got-want) > 1e-12 {
			t.Errorf("linear: abar[%d] is %v, want %v", i, got, want)
		}
	}
	scaled := schedule(t, func(c *ScheduleConfig) {
		c.NumTrainTimesteps, c.BetaStart, c.BetaEnd = 3, 0.04, 0.16
	})
	for i, want := range []float64{0.96, 0.96 * 0.91, 0.96 * 0.91 * 0.84} {
		if got := scaled.AlphaBar(i); math.Abs(got-want) > 1e-12 {
			t.Errorf("scaled_linear: abar[%d] is %v, want %v", i, got, want)
		}
	}
	// Stable Diffusion's chain ends near, not at, pure noise.
	if got := schedule(t, nil).AlphaBar(999); math.Abs(got-0.00466) > 1e-4 {
		t.Errorf("stable diffusion's last abar is %v", got)
	}
}

func TestTimestepsAreSpacedAsDiffusersDoes(t *testing.T) {
	for _, c := range []struct {
		spacing string
		offset  int
		want    []int
	}{
		{"trailing", 0, []int{999, 799, 599, 399, 199}},
		{"leading", 1, []int{801, 601, 401, 201, 1}},
	} {
		s := schedule(t, func(s *ScheduleConfig) { s.TimestepSpacing, s.StepsOffset = c.spacing, c.offset })
		got, err := s.Timesteps(5)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", c.spacing, diff)
		}
	}
	if _, err := schedule(t, nil).Timesteps(1001); err == nil {
		t.Error("more steps than timesteps were accepted")
	}
}

func TestDDIMWithTheTruePredictionGivesBackTheImage(t *testing.T) {
	x0 := []float32{-1, -0.25, 0, 0.5, 1}
	noise := []float32{0.3, -1.2, 0.8, 2, -0.1}
	for _, kind := range []string{epsilon, velocity} {
		s := schedule(t, func(c *ScheduleConfig) { c.PredictionType = kind })
		x, prediction := make([]float32, len(x0)), make([]float32, len(x0))
		steps, err := s.Timesteps(10)
		if err != nil {
			t.Fatal(err)
		}
		s.AddNoise(x, x0, noise, steps[0])
		for i, at := range steps {
			prev := -1
			if i+1 < len(steps) {
				prev = steps[i+1]
			}
			s.Target(prediction, x0, noise, at)
			s.Step(x, prediction, at, prev)
		}
		for i := range x0 {
			if math.Abs(float64(x[i]-x0[i])) > 1e-5 {
				t.Errorf("%s: element %d is %v, want %v", kind, i, x[i], x0[i])
			}
		}
	}
}

func TestClippedStepsStayInRange(t *testing.T) {
	s := schedule(t, func(c *ScheduleConfig) { c.ClipSample = true })
	x := []float32{9, -9, 0.1}
	s.Step(x, []float32{0, 0, 0}, 100, -1)
	for i, v := range x {
		if v < -1 || v > 1 {
			t.Errorf("element %d left the range: %v", i, v)
		}
	}
}

// diffusers 0.42's DDIMScheduler gave these.
func TestClippingLeavesThePredictedNoise(t *testing.T) {
	for kind, want := range map[string][]float64{
		epsilon:  {0.8599638640880585, -0.6310742050409317, 1.4289327263832092},
		velocity: {8.42427966526386, -8.358286259029661, 0.21343057526171694},
	} {
		s := schedule(t, func(c *ScheduleConfig) { c.ClipSample, c.PredictionType = true, kind })
		x := []float32{9, -9, 0.1}
		s.Step(x, []float32{0.5, -0.25, 2}, 699, 599)
		for i, v := range x {
			if math.Abs(float64(v)-want[i]) > 1e-5*math.Abs(want[i]) {
				t.Errorf("%s: element %d is %v, want %v", kind, i, v, want[i])
			}
		}
	}
}

func TestScheduleRefusesWhatItCannotDo(t *testing.T) {
	for _, edit := range []func(*ScheduleConfig){
		func(c *ScheduleConfig) { c.BetaSchedule = "squaredcos_cap_v2" },
		func(c *ScheduleConfig) { c.PredictionType = "sample" },
		func(c *ScheduleConfig) { c.TimestepSpacing = "linspace" },
		func(c *ScheduleConfig) { c.BetaEnd = 2 },
		func(c *ScheduleConfig) { c.NumTrainTimesteps = 0 },
	} {
		c := DefaultSchedule()
		edit(&c)
		if _, err := NewSchedule(c); err == nil {
			t.Errorf("%+v was accepted", c)
		}
	}
}
