package diffusion

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// walk is a row of testdata/schedulers.json: where diffusers goes.
type walk struct {
	Scheduler   string
	Config      json.RawMessage
	Eta         float64
	Steps       int
	Timesteps   []int
	Start       []float32
	Predictions [][]float32
	Noise       [][]float32
	Path        [][]float64
}

func walks(t *testing.T) []walk {
	t.Helper()
	text, err := os.ReadFile("testdata/schedulers.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Cases []walk }
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	return file.Cases
}

func (w walk) solver(t *testing.T, edit func(*ScheduleConfig)) Solver {
	t.Helper()
	var c ScheduleConfig
	if err := json.Unmarshal(w.Config, &c); err != nil {
		t.Fatal(err)
	}
	if edit != nil {
		edit(&c)
	}
	s, err := NewSchedule(c)
	if err != nil {
		t.Fatal(err)
	}
	v, err := NewSolver(s, SolverOptions{Scheduler: w.Scheduler, Steps: w.Steps, Eta: w.Eta})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// error is the largest deviation from diffusers, relative to the largest element of a step.
func (w walk) error(s Solver) float64 {
	x, worst := append([]float32(nil), w.Start...), 0.0
	for k := range s.Timesteps() {
		prediction := make([]float32, len(x))
		for i := range x {
			prediction[i] = (w.Predictions[k][i] + x[i]) / 2
		}
		s.Step(k, x, prediction, func() []float32 { return w.Noise[k] })
		top, off := 0.0, 0.0
		for i, v := range w.Path[k] {
			top, off = math.Max(top, math.Abs(v)), math.Max(off, math.Abs(v-float64(x[i])))
		}
		worst = math.Max(worst, off/top)
	}
	return worst
}

func TestSolversGoWhereDiffusersGoes(t *testing.T) {
	seen := map[string]bool{}
	for i, w := range walks(t) {
		seen[w.Scheduler] = true
		t.Run(fmt.Sprintf("%d %s", i, w.Scheduler), func(t *testing.T) {
			s := w.solver(t, nil)
			if diff := cmp.Diff(w.Timesteps, s.Timesteps()); diff != "" {
				t.Fatal(diff)
			}
			// A dozen steps in float32, each of which may grow what was rounded before.
			if err := w.error(s); !(err < 3e-6) {
				t.Errorf("%s: the largest error is %.2g", w.Config, err)
			}
		})
	}
	for _, name := range Schedulers() {
		if !seen[name] {
			t.Errorf("%s is compared with nothing", name)
		}
	}
}

// A fixture that a mistake passes proves nothing.
func TestEverySwitchOfASolverShowsInAFixture(t *testing.T) {
	flip := func(p **bool, missing bool) {
		v := !either(*p, missing)
		*p = &v
	}
	for name, edit := range map[string]func(*ScheduleConfig){
		"clip_sample":            func(c *ScheduleConfig) { c.ClipSample = !c.ClipSample },
		"clip_sample_range":      func(c *ScheduleConfig) { c.ClipSampleRange /= 2 },
		"set_alpha_to_one":       func(c *ScheduleConfig) { flip(&c.SetAlphaToOne, true) },
		"lower_order_final":      func(c *ScheduleConfig) { flip(&c.LowerOrderFinal, true) },
		"solver_order":           func(c *ScheduleConfig) { c.SolverOrder = 2 - c.SolverOrder/2 },
		"variance_type":          func(c *ScheduleConfig) { c.VarianceType = fixedSmall },
		"rescale_betas_zero_snr": func(c *ScheduleConfig) { c.RescaleBetasZeroSNR = false },
		"solver_type":            func(c *ScheduleConfig) { c.SolverType = "midpoint" },
		"final_sigmas_type":      func(c *ScheduleConfig) { c.FinalSigmasType = "zero" },
		"beta_schedule": func(c *ScheduleConfig) {
			c.BetaSchedule = strings.Replace("scaled_"+c.BetaSchedule, "scaled_scaled_", "", 1)
			if c.BetaSchedule == "scaled_"+cosine {
				c.BetaSchedule = "linear"
			}
		},
	} {
		worst := 0.0
		for _, w := range walks(t) {
			worst = math.Max(worst, w.error(w.solver(t, edit)))
		}
		if !(worst > 1e-4) {
			t.Errorf("%s: changing it moves the steps by %.2g alone", name, worst)
		}
	}
}

func TestSolversGiveBackTheImageOfTruePredictions(t *testing.T) {
	x0 := []float32{-1, -0.25, 0, 0.5, 1}
	noise := []float32{0.3, -1.2, 0.8, 2, -0.1}
	for _, name := range []string{"ddim", "dpmsolver++", "pndm"} {
		for _, kind := range []string{epsilon, velocity, original} {
			if name == "pndm" && kind != epsilon {
				continue // which it refuses, or means of several timesteps
			}
			s := schedule(t, func(c *ScheduleConfig) { c.PredictionType = kind })
			solver, err := NewSolver(s, SolverOptions{Scheduler: name, Steps: 10})
			if err != nil {
				t.Fatal(err)
			}
			steps := solver.Timesteps()
			x, prediction := make([]float32, len(x0)), make([]float32, len(x0))
			s.AddNoise(x, x0, noise, steps[0])
			for k, at := range steps {
				s.Target(prediction, x0, noise, at)
				solver.Step(k, x, prediction, nil)
			}
			for i := range x0 {
				if math.Abs(float64(x[i]-x0[i])) > 1e-4 {
					t.Errorf("%s of %s: element %d is %v, want %v", name, kind, i, x[i], x0[i])
				}
			}
		}
	}
}

func TestSolversRefuseWhatTheyCannotDo(t *testing.T) {
	for want, c := range map[string]struct {
		options SolverOptions
		edit    func(*ScheduleConfig)
	}{
		"there are ddim, ddpm, dpmsolver++, pndm": {SolverOptions{Scheduler: "euler", Steps: 10}, nil},
		"1001 sampling steps with 1000 timesteps": {SolverOptions{Steps: 1001}, nil},
		"eta 0.5":                                    {SolverOptions{Scheduler: "ddpm", Steps: 10, Eta: 0.5}, nil},
		"eta 2":                                      {SolverOptions{Scheduler: "ddim", Steps: 10, Eta: 2}, nil},
		`variance_type "learned"`:                    {SolverOptions{Scheduler: "ddpm", Steps: 10}, func(c *ScheduleConfig) { c.VarianceType = "learned" }},
		"solver_order 3":                             {SolverOptions{Scheduler: "dpmsolver++", Steps: 10}, func(c *ScheduleConfig) { c.SolverOrder = 3 }},
		`solver_type "bh2"`:                          {SolverOptions{Scheduler: "dpmsolver++", Steps: 10}, func(c *ScheduleConfig) { c.SolverType = "bh2" }},
		`final_sigmas_type "x"`:                      {SolverOptions{Scheduler: "dpmsolver++", Steps: 10}, func(c *ScheduleConfig) { c.FinalSigmasType = "x" }},
		"3 steps: it takes 4, or skip_prk_steps":     {SolverOptions{Scheduler: "pndm", Steps: 3}, nil},
		"pndm: rescale_betas_zero_snr":               {SolverOptions{Scheduler: "pndm", Steps: 9}, func(c *ScheduleConfig) { c.RescaleBetasZeroSNR = true }},
		`pndm: prediction type "sample"`:             {SolverOptions{Scheduler: "pndm", Steps: 9}, func(c *ScheduleConfig) { c.PredictionType = original }},
		"timestep 999 is pure noise, from which eps": {SolverOptions{Steps: 9}, func(c *ScheduleConfig) { c.RescaleBetasZeroSNR, c.PredictionType = true, epsilon }},
	} {
		_, err := NewSolver(schedule(t, c.edit), c.options)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %s", c.options, err, want)
		}
	}
}

// rescale_betas_zero_snr (Lin et al. 2024): the last timestep is pure noise, the first as it was.
func TestRescaledSchedulesEndInPureNoise(t *testing.T) {
	plain := schedule(t, nil)
	s := schedule(t, func(c *ScheduleConfig) { c.RescaleBetasZeroSNR = true })
	if s.abar[999] != 0 || math.Abs(s.abar[0]-plain.abar[0]) > 1e-12 {
		t.Errorf("abar goes from %v to %v, without from %v", s.abar[0], s.abar[999], plain.abar[0])
	}
}
