//go:build nvidia

package main

import (
	"fmt"
	"io"
	"strings"

	"gorgonia.org/cu"

	"github.com/pipe-ml/pipe/accel/cuda"
	"github.com/pipe-ml/pipe/accel/cuda/internal/roofline"
)

// card is what is timed.
type card struct {
	peaks      roofline.Card
	attributes roofline.Attributes
	cases      []roofline.Case
	double     bool
}

// find takes the first card.
func find() (card, error) {
	d, err := cuda.Open(0, cuda.Float32) // it says what is missing
	if err != nil {
		return card{}, err
	}
	c := card{attributes: roofline.Attributes{Name: d.Caps().Model}}
	if err := d.Close(); err != nil {
		return card{}, err
	}
	device, err := cu.GetDevice(0)
	if err != nil {
		return card{}, err
	}
	a := &c.attributes
	for _, v := range []struct {
		to *int
		of cu.DeviceAttribute
	}{
		{&a.Multiprocessors, cu.MultiprocessorCount}, {&a.Major, cu.ComputeCapabilityMajor}, {&a.Minor, cu.ComputeCapabilityMinor},
		{&a.Clock, cu.ClockRate}, {&a.MemoryClock, cu.MemoryClockRate}, {&a.Bus, cu.GlobalMemoryBusWidth},
	} {
		if *v.to, err = device.Attribute(v.of); err != nil {
			return card{}, err
		}
	}
	c.peaks, c.double = roofline.Of(*a), strings.Contains(a.Name, "a double, not a GPU")
	c.cases = roofline.Cases()
	if c.double {
		c.cases = roofline.Tiny()
	}
	return c, nil
}

// describe says which card it is and what its peaks are.
func (c card) describe(w io.Writer) error {
	a := c.attributes
	_, err := fmt.Fprintf(w, "%s: %d multiprocessors of capability %d.%d at %d MHz, a bus of %d bits at %d MHz\npeaks: %.3g TFLOP/s float32, %.4g TFLOP/s bf16, %.4g GB/s\n",
		a.Name, a.Multiprocessors, a.Major, a.Minor, a.Clock/1000, a.Bus, a.MemoryClock/1000, c.peaks.FP32/1e12, c.peaks.BF16/1e12, c.peaks.Memory/1e9)
	if c.double && err == nil {
		_, err = fmt.Fprintln(w, "THESE ARE A DOUBLE'S FIGURES, NOT A GPU'S: they say nothing of speed")
	}
	return err
}
