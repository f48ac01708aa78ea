package main

import (
	"math"
	"testing"

	"github.com/pipe-ml/pipe/nn/model"
)

// What the host computes for Stable Diffusion's networks is among the inputs of their fixtures.

func TestTimeFeaturesAreTheReferences(t *testing.T) {
	c, err := Open("../model/testdata/parity/unet/version1.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	m, err := configured(new(model.UNet), c.Config)
	if err != nil {
		t.Fatal(err)
	}
	want, err := c.values("input.time")
	if err != nil {
		t.Fatal(err)
	}
	var got []float32
	for _, timestep := range []int{3, 500, 999} { // those of unet.py
		got = append(got, m.TimeFeatures(timestep)...)
	}
	if len(got) != len(want) {
		t.Fatalf("%d features, the reference has %d", len(got), len(want))
	}
	// The reference rounds frequencies to float32, ours are exact: up to 2^-24 of a frequency of 1, times 999.
	for i, w := range want {
		if math.Abs(float64(got[i]-w)) > 6e-5 {
			t.Errorf("feature %d is %v, the reference has %v", i, got[i], w)
		}
	}
}
