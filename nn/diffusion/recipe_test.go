package diffusion

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"github.com/pipe-ml/pipe/accel/cpu"
	"github.com/pipe-ml/pipe/nn/train"
)

// fitted trains and returns all weights, one after the other, and the result.
func fitted(t *testing.T, change func(*Trainer)) (all []float32, res train.Result) {
	t.Helper()
	tr := lightDark(t, 6)
	tr.Config.Schedule.Warmup = 0
	change(tr)
	res, err := tr.Fit(context.Background(), cpu.New(1))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range tr.Model.Weights.Names() {
		all = append(all, tr.Model.Weights.Data(name)...)
	}
	return all, res
}

func TestADiffusionModelRecomputesAndGoesOnToTheSameBits(t *testing.T) {
	want, held := fitted(t, func(*Trainer) {})
	again, res := fitted(t, func(tr *Trainer) { tr.Config.Recompute = true })
	if !slices.Equal(again, want) {
		t.Error("recomputing gives other weights")
	}
	if res.Memory.Activations >= held.Memory.Activations {
		t.Errorf("recomputing holds %d bytes of activations, %d without", res.Memory.Activations, held.Memory.Activations)
	}

	keep := train.Keep{Path: filepath.Join(t.TempDir(), "state"), Log: t.Logf}
	killed := lightDark(t, 6)
	killed.Config.Schedule.Warmup, killed.Config.Keep = 0, keep
	ctx, kill := context.WithCancel(context.Background())
	killed.Progress = func(step, _ int, _ map[string]float64) {
		if step == 3 {
			kill()
		}
	}
	if _, err := killed.Fit(ctx, cpu.New(1)); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	resumed, res := fitted(t, func(tr *Trainer) { tr.Config.Keep = keep })
	if res.Resumed != 3 || !slices.Equal(resumed, want) {
		t.Errorf("went on after step %d, or the weights differ", res.Resumed)
	}
}
