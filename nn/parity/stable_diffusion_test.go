package main

import (
	"math"
	"slices"
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

func TestEndsOfTextAreTheReferences(t *testing.T) {
	c, err := Open("../model/testdata/parity/clip_text/gelu_projected.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	m, err := configured(new(model.CLIPText), c.Config)
	if err != nil {
		t.Fatal(err)
	}
	ids, err := c.file.Tensor("input.ids")
	if err != nil {
		t.Fatal(err)
	}
	rows, err := ids.Int32()
	if err != nil {
		t.Fatal(err)
	}
	ends, err := c.file.Tensor("input.ends")
	if err != nil {
		t.Fatal(err)
	}
	want, err := ends.Int32()
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Ends(rows, ids.Shape[1]); !slices.Equal(got, want) {
		t.Errorf("ends %v, the reference has %v", got, want)
	}
}
