package layer

import (
	"math"
)

// Source is where initial values are drawn from: an rng.Stream.
type Source interface {
	Norm() float64    // of N(0, 1)
	Float32() float32 // uniform in [0, 1)
}

// centre is a source of means: what is drawn from it lies in the middle of its distribution.
type centre struct{}

func (centre) Norm() float64    { return 0 }
func (centre) Float32() float32 { return .5 }

// Init fills a parameter's initial values. fanIn and fanOut are those of the layer's weight, also when its bias is
// filled. A weight's stream depends on (seed, parameter name) only.
type Init func(r Source, fanIn, fanOut int, data []float32)

// Const fills with c.
func Const(c float32) Init {
	return func(_ Source, _, _ int, data []float32) {
		for i := range data {
			data[i] = c
		}
	}
}

// Zeros and Ones are the usual biases and gains.
var (
	Zeros = Const(0)
	Ones  = Const(1)
)

// Normal draws from N(mean, std^2). timm's trunc_normal_(std=.02) cuts at the absolute values -2 and 2, a hundred
// standard deviations out: Normal(0, .02) is the same distribution.
func Normal(mean, std float64) Init {
	return func(r Source, _, _ int, data []float32) {
		for i := range data {
			data[i] = float32(mean + float64(std*r.Norm()))
		}
	}
}

// Uniform draws from [-bound, bound).
func Uniform(bound float64) Init {
	return func(r Source, _, _ int, data []float32) { uniform(r, bound, data) }
}

// FanIn is PyTorch's default of linear maps and convolutions, weight and bias alike: uniform within 1/sqrt(fanIn), which
// is kaiming_uniform_(a=sqrt(5)).
func FanIn(r Source, fanIn, _ int, data []float32) {
	uniform(r, 1/math.Sqrt(float64(fanIn)), data)
}

// KaimingFanIn is kaiming_normal_(nonlinearity="relu").
func KaimingFanIn(r Source, fanIn, fanOut int, data []float32) {
	Normal(0, math.Sqrt(2/float64(fanIn)))(r, fanIn, fanOut, data)
}

// KaimingFanOut is kaiming_normal_(mode="fan_out", nonlinearity="relu"), torchvision's choice for convolutions.
func KaimingFanOut(r Source, fanIn, fanOut int, data []float32) {
	Normal(0, math.Sqrt(2/float64(fanOut)))(r, fanIn, fanOut, data)
}

// XavierUniform is uniform within sqrt(6 / (fanIn + fanOut)).
func XavierUniform(r Source, fanIn, fanOut int, data []float32) {
	uniform(r, math.Sqrt(6/float64(fanIn+fanOut)), data)
}

func uniform(r Source, bound float64, data []float32) {
	for i := range data {
		data[i] = float32(bound * (2*float64(r.Float32()) - 1))
	}
}
