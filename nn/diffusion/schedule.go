package diffusion

import (
	"fmt"
	"math"
	"slices"

	"github.com/pipe-ml/pipe/accel/elementary"
	"github.com/pipe-ml/pipe/nn/model"
)

// ScheduleConfig is diffusers' scheduler_config.json as far as training and the solvers read it. What is missing has the default of
// the solver's class there.
type ScheduleConfig struct {
	ClassName           string  `json:"_class_name"`
	NumTrainTimesteps   int     `json:"num_train_timesteps"`
	BetaStart           float64 `json:"beta_start"`
	BetaEnd             float64 `json:"beta_end"`
	BetaSchedule        string  `json:"beta_schedule"` // linear, scaled_linear or squaredcos_cap_v2
	RescaleBetasZeroSNR bool    `json:"rescale_betas_zero_snr,omitempty"`
	PredictionType      string  `json:"prediction_type"` // epsilon, v_prediction or sample
	ClipSample          bool    `json:"clip_sample"`
	ClipSampleRange     float64 `json:"clip_sample_range"`
	SetAlphaToOne       *bool   `json:"set_alpha_to_one,omitempty"`
	StepsOffset         int     `json:"steps_offset"`
	TimestepSpacing     string  `json:"timestep_spacing,omitempty"` // leading, trailing or linspace

	VarianceType     string   `json:"variance_type,omitempty"`  // of ddpm
	SkipPRKSteps     bool     `json:"skip_prk_steps,omitempty"` // of pndm
	SolverOrder      int      `json:"solver_order,omitempty"`   // and on: of dpmsolver++
	SolverType       string   `json:"solver_type,omitempty"`
	LowerOrderFinal  *bool    `json:"lower_order_final,omitempty"`
	EulerAtFinal     bool     `json:"euler_at_final,omitempty"`
	FinalSigmasType  string   `json:"final_sigmas_type,omitempty"`
	UseKarrasSigmas  bool     `json:"use_karras_sigmas,omitempty"`
	LambdaMinClipped *float64 `json:"lambda_min_clipped,omitempty"`
}

// scheduleKeys are the other keys that diffusers' schedulers write.
var scheduleKeys = model.PublishedKeys{
	Only: map[string][]any{
		"thresholding": {false}, "trained_betas": {nil}, "use_beta_sigmas": {false}, "use_dynamic_shifting": {false},
		"use_exponential_sigmas": {false}, "use_flow_sigmas": {false}, "use_lu_lambdas": {false},
	},
	Ignored: []string{
		"_diffusers_version", "algorithm_type", "dynamic_thresholding_ratio", "flow_shift", "interpolation_type", "sample_max_value",
		"sigma_max", "sigma_min", "time_shift_type", "timestep_type",
	},
}

// UnmarshalJSON reads the scheduler_config.json of any of diffusers' schedulers on the same noise levels, as the from_config of the
// solvers' classes does.
func (c *ScheduleConfig) UnmarshalJSON(text []byte) error {
	type plain ScheduleConfig
	*c = ScheduleConfig{
		NumTrainTimesteps: 1000, BetaStart: 0.0001, BetaEnd: 0.02, BetaSchedule: "linear", PredictionType: epsilon, ClipSample: true, ClipSampleRange: 1,
	}
	return scheduleKeys.Decode("noise schedule", text, (*plain)(c))
}

// What the network predicts, by diffusers' names: the noise, the velocity v = sqrt(abar) eps - sqrt(1-abar) x_0
// (Salimans and Ho 2022, arXiv:2202.00512), or x_0 itself.
const (
	epsilon  = "epsilon"
	velocity = "v_prediction"
	original = "sample"
)

const (
	cosine = "squaredcos_cap_v2" // the schedule of Nichol and Dhariwal 2021, arXiv:2102.09672

	leading  = "leading"
	trailing = "trailing"
	linspace = "linspace"
)

// DefaultSchedule is the schedule of Stable Diffusion's latents, with the last step landing on clean data
// and evenly spaced timesteps from the noisiest one. The network predicts the velocity, as from Stable
// Diffusion 2.0 on: where noise prevails that is the image itself, which a short training learns, while an error
// in the predicted noise is blown up by 1/sqrt(abar), here 15 times.
func DefaultSchedule() ScheduleConfig {
	one := true
	return ScheduleConfig{
		ClassName: "DDIMScheduler", NumTrainTimesteps: 1000,
		BetaStart: 0.00085, BetaEnd: 0.012, BetaSchedule: "scaled_linear",
		PredictionType: velocity, ClipSampleRange: 1, SetAlphaToOne: &one, TimestepSpacing: trailing,
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
	if !slices.Contains([]string{epsilon, velocity, original}, c.PredictionType) {
		return nil, fmt.Errorf("noise schedule: prediction type %q: want %s, %s or %s", c.PredictionType, epsilon, velocity, original)
	}
	if !slices.Contains([]string{"", leading, trailing, linspace}, c.TimestepSpacing) {
		return nil, fmt.Errorf("noise schedule: timestep spacing %q: want %s, %s or %s", c.TimestepSpacing, leading, trailing, linspace)
	}
	s := &Schedule{Config: c, abar: make([]float64, n)}
	product := 1.0
	for t := range s.abar {
		at := float64(t) / float64(n-1)
		var beta float64
		switch c.BetaSchedule {
		case "linear":
			beta = c.BetaStart + float64(at*(c.BetaEnd-c.BetaStart))
		case "scaled_linear":
			root := math.Sqrt(c.BetaStart) + float64(at*(math.Sqrt(c.BetaEnd)-math.Sqrt(c.BetaStart)))
			beta = float64(root * root)
		case cosine:
			share := func(t int) float64 {
				root := elementary.Cos((float64(t)/float64(n) + 0.008) / 1.008 * math.Pi / 2)
				return float64(root * root)
			}
			beta = min(1-share(t+1)/share(t), 0.999)
		default:
			return nil, fmt.Errorf("noise schedule: beta schedule %q: want linear, scaled_linear or %s", c.BetaSchedule, cosine)
		}
		product *= 1 - beta
		s.abar[t] = product
	}
	if c.RescaleBetasZeroSNR {
		// Algorithm 1 of Lin et al. 2024, arXiv:2305.08891: the first root stays, the last becomes 0.
		first, last := math.Sqrt(s.abar[0]), math.Sqrt(s.abar[n-1])
		for t, a := range s.abar {
			root := (math.Sqrt(a) - last) * (first / (first - last))
			s.abar[t] = root * root
		}
	}
	return s, nil
}

// Len is the number of timesteps.
func (s *Schedule) Len() int { return len(s.abar) }

// level is how much of signal and of noise there is in the latents of a timestep.
type level struct{ signal, noise float64 }

// levelOf is the level at which the signal has the share abar of the variance.
func levelOf(abar float64) level { return level{math.Sqrt(abar), math.Sqrt(1 - abar)} }

// estimate is what the network's prediction says of an element x: the image's, and the noise's.
func (s *Schedule) estimate(l level, x, prediction float64) (x0, eps float64) {
	switch s.Config.PredictionType {
	case velocity:
		return float64(l.signal*x) - float64(l.noise*prediction), float64(l.signal*prediction) + float64(l.noise*x)
	case original:
		return prediction, (x - float64(l.signal*prediction)) / l.noise
	}
	return (x - float64(l.noise*prediction)) / l.signal, prediction
}

// AddNoise writes x_t = sqrt(abar_t) x + sqrt(1-abar_t) noise to out. The three have one length.
func (s *Schedule) AddNoise(out, x, noise []float32, t int) {
	a, b := float32(math.Sqrt(s.abar[t])), float32(math.Sqrt(1-s.abar[t]))
	for i := range out {
		out[i] = float32(a*x[i]) + float32(b*noise[i])
	}
}

// timesteps are n timesteps, noisiest first, spaced as diffusers' DDIMScheduler spaces them.
func (s *Schedule) timesteps(n int) []int {
	steps := make([]int, n)
	for i := range steps {
		switch s.Config.TimestepSpacing {
		case trailing:
			steps[i] = int(math.RoundToEven(float64(s.Len())-float64(i)*float64(s.Len())/float64(n))) - 1
		case linspace:
			steps[i] = int(math.RoundToEven(float64(n-1-i) * (float64(s.Len()-1) / float64(max(n-1, 1)))))
		default:
			steps[i] = min((n-1-i)*(s.Len()/n)+s.Config.StepsOffset, s.Len()-1)
		}
	}
	return steps
}

// Target writes what the network should predict at timestep t from x and noise to out. The three have one length.
func (s *Schedule) Target(out, x, noise []float32, t int) {
	switch s.Config.PredictionType {
	case epsilon:
		copy(out, noise)
		return
	case original:
		copy(out, x)
		return
	}
	a, b := float32(math.Sqrt(s.abar[t])), float32(math.Sqrt(1-s.abar[t]))
	for i := range out {
		out[i] = float32(a*noise[i]) - float32(b*x[i])
	}
}

// LossWeight is the factor of the squared error at timestep t by min-SNR weighting (Hang et al. 2023, arXiv:2303.09556; gamma 5 there):
// with snr = abar/(1-abar), min(snr, gamma) by snr for epsilon, by snr+1 for the velocity, by 1 for the image. gamma 0 weighs alike.
func (s *Schedule) LossWeight(t int, gamma float64) float64 {
	if gamma == 0 {
		return 1
	}
	snr := s.abar[t] / (1 - s.abar[t])
	switch s.Config.PredictionType {
	case velocity:
		return min(snr, gamma) / (snr + 1)
	case original:
		return min(snr, gamma)
	}
	return min(1, gamma/snr)
}
