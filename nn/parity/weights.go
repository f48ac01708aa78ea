package main

import (
	"math"
	"strings"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/rng"
)

// values are the parameter's values as parity.py makes them, bit for bit: uniform around a centre that depends on name and rank.
// The first channel of weights and running statistics is nearly dead, since without a small variance nobody sees which
// epsilon a norm has.
func values(seed uint64, name string, shape []int) []float32 {
	centre, half := spread(name, shape)
	first, shrink := 0, 1.0 // the first channel's elements, and what they are multiplied by
	row := accel.Volume(shape[min(1, len(shape)):])
	switch {
	case strings.HasSuffix(name, "running_var"):
		first, shrink = 1, 1e-4
	case strings.HasSuffix(name, "running_mean"), strings.HasSuffix(name, "magnitude_vector"):
		first, shrink = 1, 1e-2
	case len(shape) == 2 || len(shape) == 4:
		first, shrink = row, 1e-2
	}
	stream := rng.New(seed, name)
	out := make([]float32, accel.Volume(shape))
	for i := range out {
		v := float64(unit(stream)*half) + centre
		if i < first {
			v *= shrink
		}
		out[i] = float32(v)
	}
	return out
}

// spread is the centre and half the width of a parameter's distribution.
func spread(name string, shape []int) (centre, half float64) {
	last := name[strings.LastIndex(name, ".")+1:]
	switch {
	case last == "running_var":
		return 1, .5
	case last == "running_mean":
		return 0, .2
	case strings.Contains(last, "magnitude"): // DoRA's, one a row of the weight
		return 1, .3
	case len(shape) == 2 || len(shape) == 4 || len(shape) == 3 && shape[0] > 1: // a matrix, a convolution or a stack of matrices: keeps the variance of its input
		return 0, math.Sqrt(3 / float64(accel.Volume(shape[1:])))
	case len(shape) > 2 || strings.Contains(last, "bias") || strings.Contains(last, "shift"): // tokens, positions; biases
		return 0, .05
	}
	return 1, .3 // gains and scales
}

// sketches is how many products with random vectors a sketch has.
const sketches = 8

// sketch is what a small file keeps of a tensor: its norm, and its products with random vectors.
func sketch(seed uint64, name string, v []float32) []float32 {
	stream := rng.New(seed, "sketch."+name)
	squares := 0.0
	for _, x := range v {
		squares += float64(x) * float64(x)
	}
	out := []float32{float32(math.Sqrt(squares))}
	for range sketches {
		sum := 0.0
		for _, x := range v {
			sum += float64(float64(x) * unit(stream))
		}
		out = append(out, float32(sum))
	}
	return out
}

// unit is uniform in [-1, 1), a multiple of 2^-23.
func unit(s *rng.Stream) float64 { return 2*float64(s.Float32()) - 1 }
