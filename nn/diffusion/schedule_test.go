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
		if got := linear.abar[i]; math.Abs(got-want) > 1e-12 {
			t.Errorf("linear: abar[%d] is %v, want %v", i, got, want)
		}
	}
	scaled := schedule(t, func(c *ScheduleConfig) {
		c.NumTrainTimesteps, c.BetaStart, c.BetaEnd = 3, 0.04, 0.16
	})
	for i, want := range []float64{0.96, 0.96 * 0.91, 0.96 * 0.91 * 0.84} {
		if got := scaled.abar[i]; math.Abs(got-want) > 1e-12 {
			t.Errorf("scaled_linear: abar[%d] is %v, want %v", i, got, want)
		}
	}
	// Stable Diffusion's chain ends near, not at, pure noise.
	if got := schedule(t, nil).abar[999]; math.Abs(got-0.00466) > 1e-4 {
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
		{"", 1, []int{801, 601, 401, 201, 1}},
		{"linspace", 0, []int{999, 749, 500, 250, 0}},
	} {
		s := schedule(t, func(s *ScheduleConfig) { s.TimestepSpacing, s.StepsOffset = c.spacing, c.offset })
		if diff := cmp.Diff(c.want, s.timesteps(5)); diff != "" {
			t.Errorf("%s: %s", c.spacing, diff)
		}
	}
}

// step is the k-th of ten steps of DDIM, by which the timesteps 999, 899 and so on move.
func step(t *testing.T, s *Schedule, x, prediction []float32, k int) {
	t.Helper()
	solver, err := NewSolver(s, SolverOptions{Steps: 10})
	if err != nil {
		t.Fatal(err)
	}
	solver.Step(k, x, prediction, nil)
}

func TestClippedStepsStayInRange(t *testing.T) {
	s := schedule(t, func(c *ScheduleConfig) { c.ClipSample = true })
	x := []float32{9, -9, 0.1}
	step(t, s, x, []float32{0, 0, 0}, 9)
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
		step(t, s, x, []float32{0.5, -0.25, 2}, 3)
		for i, v := range x {
			if math.Abs(float64(v)-want[i]) > 1e-5*math.Abs(want[i]) {
				t.Errorf("%s: element %d is %v, want %v", kind, i, v, want[i])
			}
		}
	}
}

func TestScheduleRefusesWhatItCannotDo(t *testing.T) {
	for _, edit := range []func(*ScheduleConfig){
		func(c *ScheduleConfig) { c.BetaSchedule = "sigmoid" },
		func(c *ScheduleConfig) { c.PredictionType = "score" },
		func(c *ScheduleConfig) { c.TimestepSpacing = "karras" },
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

// The weights of diffusers' train_text_to_image.py: min(snr, gamma) / snr, and / (snr + 1) for v_prediction.
func TestMinSNRWeightsTimestepsAsDiffusersDoes(t *testing.T) {
	for kind, want := range map[string]func(snr, least float64) float64{
		epsilon:  func(snr, least float64) float64 { return least / snr },
		velocity: func(snr, least float64) float64 { return least / (snr + 1) },
		original: func(_, least float64) float64 { return least },
	} {
		s := schedule(t, func(c *ScheduleConfig) { c.PredictionType = kind })
		for _, at := range []int{0, 200, 500, 999} {
			snr := s.abar[at] / (1 - s.abar[at])
			if got, want := s.LossWeight(at, 5), want(snr, min(snr, 5)); math.Abs(got-want) > 1e-12*want {
				t.Errorf("%s at %d: %v, want %v", kind, at, got, want)
			}
			if s.LossWeight(at, 0) != 1 {
				t.Errorf("%s at %d weighs something without gamma", kind, at)
			}
		}
	}
	last := schedule(t, func(c *ScheduleConfig) { c.PredictionType, c.RescaleBetasZeroSNR = epsilon, true })
	if w := last.LossWeight(999, 5); w != 1 {
		t.Errorf("pure noise weighs %v", w)
	}
}
