//go:build nvidia

package diffusion

import (
	"context"
	"testing"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/acceltest"
	"github.com/pipe-ml/pipe/accel/cpu"
	"github.com/pipe-ml/pipe/accel/cuda"
	"github.com/pipe-ml/pipe/nn/peft"
)

// A card trains what the processor trains, to within 1e-4 of the size of what changed.
func TestAFineTuneOnACardIsThatOfTheProcessor(t *testing.T) {
	card, err := cuda.Open(0, cuda.Float32)
	if err != nil {
		t.Fatalf("%v (make test-cuda builds the double of the driver and runs on it)", err)
	}
	processor := cpu.New(0)
	want, got := tuned(t, processor), tuned(t, card)
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
}

// tuned is what three steps of DiffFit make of the weights that it trains, and the values that each step told.
func tuned(t *testing.T, dev accel.Device) map[string][]float32 {
	t.Helper()
	tr := lightDark(t, 3)
	a, err := peft.Prepare(tr.Model.Denoiser, tr.Model.Weights, peft.Options{Method: "difffit"})
	if err != nil {
		t.Fatal(err)
	}
	tr.Model.Plan = a.Plan
	out := map[string][]float32{}
	tr.Progress = func(_, _ int, values map[string]float64) {
		out["loss"], out["norm"] = append(out["loss"], float32(values["loss"])), append(out["norm"], float32(values["norm"]))
	}
	if _, err := tr.Fit(context.Background(), dev); err != nil {
		t.Fatal(err)
	}
	for _, p := range a.Trainable {
		out[p.Name] = tr.Model.Weights.Data(p.Name)
	}
	return out
}
