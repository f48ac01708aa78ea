//go:build nvidia

package train

import (
	"context"
	"slices"
	"testing"

	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/acceltest"
	"github.com/pipe-ml/pipe/accel/cpu"
	"github.com/pipe-ml/pipe/accel/cuda"
	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/peft"
)

// A card trains what the processor trains, to within 1e-4 of the size of what changed.
func TestAFineTuneOnACardIsThatOfTheProcessor(t *testing.T) {
	for _, c := range []struct {
		model, method string
		size          int
	}{
		{"vit_tiny_patch16_224", "lora", 32},
		{"resnet18", "ssf", 32},
	} {
		t.Run(c.model+" "+c.method, func(t *testing.T) {
			card, err := cuda.Open(0, cuda.Float32)
			if err != nil {
				t.Fatalf("%v (make test-cuda builds the double of the driver and runs on it)", err)
			}
			processor := cpu.New(0)
			want, got := tuned(t, processor, c.model, c.method, c.size), tuned(t, card, c.model, c.method, c.size)
			for name, values := range want {
				if far := acceltest.Distance(values, got[name]); !(far < 1e-4) {
					t.Errorf("%s is %.3g of its size away", name, far)
				}
			}
			if err := card.Close(); err != nil {
				t.Error(err)
			}
			if err := processor.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// tuned is what three steps make of the weights that a method trains, and the values that each step told.
func tuned(t *testing.T, dev accel.Device, name, method string, size int) map[string][]float32 {
	t.Helper()
	c := task(small(t, name, size), 3)
	network := func(b *layer.Builder) {
		c.Model.Head(b, c.Model.Features(b, b.Input("images", tensor.Float32, 1, 1, size, size)))
	}
	a, err := peft.Prepare(network, c.Weights, peft.Options{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	c.Plan, c.BatchSize = a.Plan, 4
	out := map[string][]float32{}
	c.Progress = func(_, _ int, values map[string]float64) {
		out["loss"], out["norm"] = append(out["loss"], float32(values["loss"])), append(out["norm"], float32(values["norm"]))
	}
	if _, err := c.Fit(context.Background(), dev); err != nil {
		t.Fatal(err)
	}
	for _, p := range a.Trainable {
		out[p.Name] = c.Weights.Data(p.Name)
	}
	return out
}

// What a graph replays is what its launches compute: a run that must launch one by one has the same bits.
func TestAFineTuneOnACardHasTheSameBitsWithAndWithoutGraphs(t *testing.T) {
	tune := func() map[string][]float32 {
		card, err := cuda.Open(0, cuda.Float32)
		if err != nil {
			t.Fatalf("%v (make test-cuda builds the double of the driver and runs on it)", err)
		}
		defer card.Close()
		return tuned(t, card, "vit_tiny_patch16_224", "lora", 32)
	}
	graphs := tune()
	t.Setenv("CUDA_LAUNCH_BLOCKING", "1") // the driver's word for no graphs
	launches := tune()
	for name, values := range launches {
		if !slices.Equal(values, graphs[name]) {
			t.Errorf("%s is %v, by graphs %v", name, values[:1], graphs[name][:1])
		}
	}
}
