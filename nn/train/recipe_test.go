package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pipe-ml/pipe/accel/cpu"
	"github.com/pipe-ml/pipe/nn/layer"
)

func mustFit(t *testing.T, c *Classifier) Result {
	t.Helper()
	res, err := c.Fit(context.Background(), cpu.New(1))
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// furthest is the largest difference between the weights of two runs.
func furthest(a, b *layer.Weights) (d float64) {
	for _, name := range a.Names() {
		x, y := a.Data(name), b.Data(name)
		for i := range x {
			d = max(d, math.Abs(float64(x[i]-y[i])))
		}
	}
	return d
}

func TestTwoHalvesOfABatchGiveTheStepOfTheWhole(t *testing.T) {
	whole := task(small(t, "vit_micro_patch8_64", 16), 3)
	whole.Config.Optim.Rule, whole.Config.Schedule.Peak = "sgd", 0.1
	halves := task(small(t, "vit_micro_patch8_64", 16), 3)
	halves.Config.Optim.Rule, halves.Config.Schedule.Peak = "sgd", 0.1
	halves.BatchSize, halves.Config.Accumulate = 4, 2
	a, b := mustFit(t, whole), mustFit(t, halves)
	if d := furthest(whole.Weights, halves.Weights); d > 2e-6 || math.Abs(a.Loss-b.Loss) > 1e-6 {
		t.Errorf("weights differ by %g, losses are %v and %v", d, a.Loss, b.Loss)
	}
	unlike := task(small(t, "vit_micro_patch8_64", 16), 2)
	unlike.Config.Optim.Rule, unlike.Config.Schedule.Peak = "sgd", 0.1
	mustFit(t, unlike)
	if d := furthest(whole.Weights, unlike.Weights); d < 1e-3 {
		t.Errorf("a step moves the weights by %g only", d)
	}
}

// ModelEmaV3: the first update copies, each later one is average*decay + weights*(1-decay).
func TestTheAverageOfTheWeightsIsTimms(t *testing.T) {
	after := func(steps int, a Average) *layer.Weights {
		fit := task(small(t, "resnet10_64", 32), steps)
		fit.Config.Schedule.Kind, fit.Config.Schedule.Warmup, fit.Config.Average = "constant", 0, a
		mustFit(t, fit)
		return fit.Weights
	}
	w := []*layer.Weights{after(1, Average{}), after(2, Average{}), after(3, Average{})}
	got := after(3, Average{Decay: 0.75})
	for _, name := range got.Names() {
		for i, v := range got.Data(name) {
			want := 0.75*(0.75*float64(w[0].Data(name)[i])+0.25*float64(w[1].Data(name)[i])) + 0.25*float64(w[2].Data(name)[i])
			if math.Abs(float64(v)-want) > 1e-6 {
				t.Fatalf("%s: element %d is %v, want %v", name, i, v, want)
			}
		}
	}
	for step, want := range map[int]float64{1: 0, 2: 0.3700394750525634, 8: 0.75, 1000: 0.99, 1001: 0.99} {
		if d := (Average{Decay: 0.99, Warmup: true}).at(step); math.Abs(d-want) > 1e-12 {
			t.Errorf("update %d has decay %v, want %v", step, d, want)
		}
	}
}

func TestValidationSeesAndKeepsTheAverage(t *testing.T) {
	fit := task(small(t, "vit_micro_patch8_64", 16), 4)
	fit.Train, fit.Val, fit.BatchSize = upTo(4), []int{4, 5, 6, 7}, 4
	fit.Config.Average, fit.Config.EvalEvery = Average{Decay: 0.9}, 1
	res := mustFit(t, fit)
	out := logits(t, fit, 1, 4)
	sum := 0.0
	for i := 4; i < 8; i++ {
		sum += logSumExp(out[2*i:2*i+2]) - float64(out[2*i+int(fit.Images.Labels[i])])
	}
	if math.Abs(sum/4-res.Best) > 1e-9 {
		t.Errorf("the weights have validation %v, the best average had %v", sum/4, res.Best)
	}
}

// resumable is a run with all that a state consists of: moments, running statistics, an average, a best state, a course.
func resumable(t *testing.T, dir string, log *[]string) *Classifier {
	fit := task(small(t, "resnet10_64", 32), 7)
	fit.Train, fit.Val, fit.BatchSize, fit.Augment = upTo(6), []int{6, 7}, 2, Augment{Shift: 2, Flip: true}
	fit.Config.EvalEvery, fit.Config.Accumulate, fit.Config.Average = 2, 2, Average{Decay: 0.9}
	fit.Config.Keep = Keep{Path: filepath.Join(dir, "deep", "state"), Log: func(format string, args ...any) {
		*log = append(*log, fmt.Sprintf(format, args...))
	}}
	return fit
}

func TestAKilledRunGoesOnToTheSameBits(t *testing.T) {
	straight := task(small(t, "resnet10_64", 32), 0)
	*straight = *resumable(t, "", nil)
	straight.Config.Keep = Keep{}
	want := mustFit(t, straight)
	for _, k := range []int{1, 2, 5, 6} {
		var log []string
		dir := t.TempDir()
		killed := resumable(t, dir, &log)
		ctx, kill := context.WithCancel(context.Background())
		killed.Progress = func(step, _ int, _ map[string]float64) {
			if step == k {
				kill()
			}
		}
		if _, err := killed.Fit(ctx, cpu.New(1)); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		again := resumable(t, dir, &log)
		res := mustFit(t, again)
		if res.Resumed != k || len(log) != 1 || !strings.Contains(log[0], fmt.Sprintf("after step %d:", k)) {
			t.Errorf("killed after step %d, went on after %d: %q", k, res.Resumed, log)
		}
		if res.Resumed = 0; res != want {
			t.Errorf("killed after step %d: %+v, want %+v", k, res, want)
		}
		if d := furthest(again.Weights, straight.Weights); d != 0 {
			t.Errorf("killed after step %d: the weights differ by %g", k, d)
		}
	}
}

func TestAStateThatDoesNotFitIsToldAndLeftAlone(t *testing.T) {
	var log []string
	dir := t.TempDir()
	fit := resumable(t, dir, &log)
	mustFit(t, fit) // leaves the state after the last step but one
	want := fit.Weights

	raw, err := os.ReadFile(fit.Config.Keep.Path)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"torn": raw[:len(raw)/2], "empty": nil} {
		if err := os.WriteFile(fit.Config.Keep.Path, content, 0o666); err != nil {
			t.Fatal(err)
		}
		log = nil
		fit := resumable(t, dir, &log)
		if res := mustFit(t, fit); res.Resumed != 0 || len(log) != 1 || furthest(fit.Weights, want) != 0 {
			t.Errorf("%s: went on after step %d: %q", name, res.Resumed, log)
		}
	}
	// That of another network has other names.
	log = nil
	other := task(small(t, "vit_micro_patch8_64", 16), 2)
	other.Config.Keep = resumable(t, dir, &log).Config.Keep
	if res := mustFit(t, other); res.Resumed != 0 || !slices.ContainsFunc(log, func(s string) bool { return strings.Contains(s, "begins anew") }) {
		t.Errorf("another network went on after step %d: %q", res.Resumed, log)
	}
}

func TestRecomputingBlocksTakesLessMemoryAndGivesTheSameBits(t *testing.T) {
	for name, most := range map[string]float64{"vit_micro_patch8_64": 0.3, "resnet18_64": 0.8} {
		held, again := task(small(t, name, 64), 3), task(small(t, name, 64), 3)
		again.Config.Recompute = true
		a, b := mustFit(t, held), mustFit(t, again)
		if d := furthest(held.Weights, again.Weights); d != 0 || a.Loss != b.Loss {
			t.Errorf("%s: the weights differ by %g, the losses are %v and %v", name, d, a.Loss, b.Loss)
		}
		share := float64(b.Memory.Activations) / float64(a.Memory.Activations)
		if share > most {
			t.Errorf("%s: recomputing leaves %.2f of the activations, want %.2f at most", name, share, most)
		}
	}
}

func TestRecomputingANetworkWithoutBlocksIsRefused(t *testing.T) {
	fit := task(small(t, "mobilenet_v1_micro_64", 32), 3)
	fit.Config.Recompute = true
	if _, err := fit.Fit(context.Background(), cpu.New(1)); err == nil || !strings.Contains(err.Error(), "no blocks") {
		t.Error(err)
	}
}

func TestAStateThatCannotBeKeptEndsNoRun(t *testing.T) {
	var log []string
	dir := t.TempDir()
	fit := resumable(t, dir, &log)
	if err := os.WriteFile(filepath.Join(dir, "deep"), nil, 0o666); err != nil { // where the folder should be
		t.Fatal(err)
	}
	if res := mustFit(t, fit); res.Steps != 7 || len(log) == 0 || !strings.Contains(log[len(log)-1], "after step 6 could not be kept") {
		t.Errorf("%d steps, %q", res.Steps, log)
	}
}
