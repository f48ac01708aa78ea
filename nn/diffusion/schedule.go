package diffusion

import (
	"fmt"
	"math"

	"github.com/pipe-ml/pipe/nn/model"
)

// ScheduleConfig is diffusers' scheduler_config.json as far as DDPM training and DDIM sampling read it.
type ScheduleConfig struct {
	ClassName         string  `json:"_class_name"`
	NumTrainTimesteps int     `json:"num_train_timesteps"`
	BetaStart         float64 `json:"beta_start"`
	BetaEnd           float64 `json:"beta_end"`
	BetaSchedule      string  `json:"beta_schedule"`
	PredictionType    string  `json:"prediction_type"`
	ClipSample        bool    `json:"clip_sample"`
	ClipSampleRange   float64 `json:"clip_sample_range"`
	SetAlphaToOne     bool    `json:"set_alpha_to_one"`
	StepsOffset       int     `json:"steps_offset"`
	TimestepSpacing   string  `json:"timestep_spacing"`
}

// scheduleKeys are the other keys that diffusers' schedulers write. Those ignored belong to samplers other than DDIM.
var scheduleKeys = model.PublishedKeys{
	Only: map[string][]any{"rescale_betas_zero_snr": {false}, "thresholding": {false}, "trained_betas": {nil}},
	Ignored: []string{
		"_diffusers_version", "algorithm_type", "dynamic_thresholding_ratio", "euler_at_final", "final_sigmas_type", "interpolation_type",
		"lambda_min_clipped", "lower_order_final", "sample_max_value", "sigma_max", "sigma_min", "skip_prk_steps", "solver_order", "solver_type",
		"timestep_type", "use_beta_sigmas", "use_exponential_sigmas", "use_karras_sigmas", "use_lu_lambdas", "variance_type",
	},
}

// UnmarshalJSON reads the scheduler_config.json of any of diffusers' schedulers on the same noise levels, as its
// DDIMScheduler.from_config does: keys that are missing have DDIMScheduler's defaults.
func (c *ScheduleConfig) UnmarshalJSON(text []byte) error {
	type plain ScheduleConfig
	*c = ScheduleConfig{
		NumTrainTimesteps: 1000, BetaStart: 0.0001, BetaEnd: 0.02, BetaSchedule: "linear", PredictionType: epsilon,
		ClipSample: true, ClipSampleRange: 1, SetAlphaToOne: true, TimestepSpacing: "leading",
	}
	return scheduleKeys.Decode("noise schedule", text, (*plain)(c))
}

// What the network predicts, by diffusers' names: the noise, or the velocity v = sqrt(abar) eps - sqrt(1-abar) x_0
// (Salimans and Ho 2022, arXiv:2202.00512).
const (
	epsilon  = "epsilon"
	velocity = "v_prediction"
)

// DefaultSchedule is the schedule of Stable Diffusion's latents, with the last step landing on clean data
// and evenly spaced timesteps from the noisiest one. The network predicts the velocity, as from Stable
// Diffusion 2.0 on: where noise prevails that is the image itself, which a short training learns, while an error
// in the predicted noise is blown up by 1/sqrt(abar), here 15 times.
func DefaultSchedule() ScheduleConfig {
	return ScheduleConfig{
		ClassName: "DDIMScheduler", NumTrainTimesteps: 1000,
		BetaStart: 0.00085, BetaEnd: 0.012, BetaSchedule: "scaled_linear",
		PredictionType: velocity, ClipSampleRange: 1, SetAlphaToOne: true, TimestepSpacing: "trailing",
	}
}

// Schedule is a noise schedule, ready to use.
type Schedule struct {
	Config ScheduleConfig
	abar   []float64 // cumulative product of 1-beta, by timestep
}

// NewSchedule computes the noise levels of a configuration.
func NewSchedule(c ScheduleConfig) (*Schedule, error) {
	n := c.NumTrainTimesteps
	if n < 2 || c.BetaStart <= 0 || c.BetaEnd < c.BetaStart || c.BetaEnd >= 1 {
		return nil, fmt.Errorf("noise schedule: %d timesteps, beta %v to %v", n, c.BetaStart, c.BetaEnd)
	}
	if c.PredictionType != epsilon && c.PredictionType != velocity {
		return nil, fmt.Errorf("noise schedule: prediction type %q: want epsilon or v_prediction", c.PredictionType)
	}
	if c.TimestepSpacing != "trailing" && c.TimestepSpacing != "leading" {
		return nil, fmt.Errorf("noise schedule: timestep spacing %q: want leading or trailing", c.TimestepSpacing)
	}
	s := &Schedule{Config: c, abar: make([]float64, n)}
	product := 1.0
	for t := range s.abar {
		at := float64(t) / float64(n-1)
		var beta float64
		switch c.BetaSchedule {
		case "linear":
			beta = c.BetaStart + at*(c.BetaEnd-c.BetaStart)
		case "scaled_linear":
			root := math.Sqrt(c.BetaStart) + at*(math.Sqrt(c.BetaEnd)-math.Sqrt(c.BetaStart))
			beta = root * root
		default:
			return nil, fmt.Errorf("noise schedule: beta schedule %q: want linear or scaled_linear", c.BetaSchedule)
		}
		product *= 1 - beta
		s.abar[t] = product
	}
	return s, nil
}

// Len is the number of timesteps.
func (s *Schedule) Len() int { return len(s.abar) }

// AlphaBar is the signal's share of the variance at timestep t. Timestep -1 is clean data, unless the
// configuration says that the chain ends at timestep 0.
func (s *Schedule) AlphaBar(t int) float64 {
	if t >= 0 {
		return s.abar[t]
	}
	if s.Config.SetAlphaToOne {
		return 1
	}
	return s.abar[0]
}

// AddNoise writes x_t = sqrt(abar_t) x + sqrt(1-abar_t) noise to out. The three have one length.
func (s *Schedule) AddNoise(out, x, noise []float32, t int) {
	a, b := float32(math.Sqrt(s.abar[t])), float32(math.Sqrt(1-s.abar[t]))
	for i := range out {
		out[i] = float32(a*x[i]) + float32(b*noise[i])
	}
}

// Timesteps are the n timesteps that a sampler visits, noisiest first, spaced as diffusers' DDIMScheduler
// spaces them.
func (s *Schedule) Timesteps(n int) ([]int, error) {
	if n < 1 || n > s.Len() {
		return nil, fmt.Errorf("%d sampling steps with %d timesteps", n, s.Len())
	}
	steps := make([]int, n)
	for i := range steps {
		if s.Config.TimestepSpacing == "trailing" {
			steps[i] = int(math.RoundToEven(float64(s.Len())-float64(i)*float64(s.Len())/float64(n))) - 1
		} else {
			steps[i] = min((n-1-i)*(s.Len()/n)+s.Config.StepsOffset, s.Len()-1)
		}
	}
	return steps, nil
}

// Target writes what the network should predict at timestep t from x and noise to out. The three have one length.
func (s *Schedule) Target(out, x, noise []float32, t int) {
	if s.Config.PredictionType == epsilon {
		copy(out, noise)
		return
	}
	a, b := float32(math.Sqrt(s.abar[t])), float32(math.Sqrt(1-s.abar[t]))
	for i := range out {
		out[i] = float32(a*noise[i]) - float32(b*x[i])
	}
}

// Step moves x from timestep t to the earlier prev (-1: clean data) along the direction that the network's
// prediction gives, in place: DDIM with eta 0.
//
//	x0 = (x - sqrt(1-abar_t) eps) / sqrt(abar_t);  x = sqrt(abar_prev) x0 + sqrt(1-abar_prev) eps
//
// With ClipSample, x0 is clipped to +-ClipSampleRange and eps made consistent with it.
func (s *Schedule) Step(x, prediction []float32, t, prev int) {
	at, ap := s.AlphaBar(t), s.AlphaBar(prev)
	rootA, rootN := math.Sqrt(at), math.Sqrt(1-at)
	nextA, nextN := math.Sqrt(ap), math.Sqrt(1-ap)
	limit := s.Config.ClipSampleRange
	for i := range x {
		now, e := float64(x[i]), float64(prediction[i])
		x0 := (now - float64(rootN*e)) / rootA
		if s.Config.PredictionType == velocity {
			x0, e = float64(rootA*now)-float64(rootN*e), float64(rootA*e)+float64(rootN*now)
		}
		if s.Config.ClipSample && math.Abs(x0) > limit {
			x0 = math.Copysign(limit, x0)
			e = (now - float64(rootA*x0)) / rootN
		}
		x[i] = float32(float64(nextA*x0) + float64(nextN*e))
	}
}
