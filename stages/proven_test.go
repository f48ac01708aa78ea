package stages

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/model"
	"github.com/pipe-ml/pipe/nn/peft"
	"github.com/pipe-ml/pipe/stages/artifact"
)

// told keeps what a stage tells.
type told struct {
	metrics map[string]float64
	log     strings.Builder
}

func (*told) Progress(int, int, map[string]float64) {}
func (r *told) Log(format string, args ...any)      { fmt.Fprintf(&r.log, format+"\n", args...) }
func (r *told) Metric(name string, value float64)   { r.metrics[name] = value }
func (*told) Device(string, string)                 {}

// answered is an output.
func answered(values ...float32) ([]float32, error) { return values, nil }

// adapted is a small transformer with a method and its weights.
func adapted(t *testing.T, method string) (*peft.Adapter, *layer.Weights) {
	t.Helper()
	c, err := artifact.NewClassifier("vit_micro_patch8_64", model.Options{}, []string{"a", "b"}, 1)
	if err != nil {
		t.Fatal(err)
	}
	a, err := peft.Prepare(c.Network, c.Weights, peft.Options{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	return a, c.Weights
}

// After hours of training, a merged network that deviates, or that computes nothing, is a warning: the adapter is sound.
func TestATrainingIsNotLostToItsMerge(t *testing.T) {
	for _, c := range []struct {
		merged float32
		metric float64
		want   string
	}{
		{2, 0, "merged into the weights, the output deviates by up to 0 of its largest value"},
		{2.0002, 1e-4, "warning: that is more than the usual 1e-05"},
		{2.5, .25, "warning: lora: it cannot be merged into the weights: the merged network deviates by 0.25, more than 1e-03; use the model as it is, with its adapter"},
		{float32(math.NaN()), 0, "warning: lora: it cannot be merged"},
	} {
		a, w := adapted(t, "lora")
		r, trained := &told{metrics: map[string]float64{}}, false
		err := proven(r, a, w, func(_ *layer.Weights, plan *layer.Plan) ([]float32, error) {
			if trained && plan == nil {
				return answered(c.merged, 1)
			}
			return answered(2, 1)
		}, func() error { trained = true; return nil })
		if got := r.metrics["merge_deviation"]; err != nil || math.Abs(got-c.metric) > 1e-6 || !strings.Contains(r.log.String(), c.want) {
			t.Errorf("merged to %v: %v, %v, log %s", c.merged, err, got, r.log.String())
		}
		if !strings.Contains(r.log.String(), "before the first step the output is the frozen model's in every bit") {
			t.Error(r.log.String())
		}
	}
}

func TestTheStartOfATrainingIsToldInWords(t *testing.T) {
	for method, want := range map[string]string{"vpt": "the output differs from the frozen model's, as it does with this method, by up to 0.5 of", "lora": "is the frozen model's in every bit"} {
		a, w := adapted(t, method)
		r := &told{metrics: map[string]float64{}}
		err := proven(r, a, w, func(_ *layer.Weights, plan *layer.Plan) ([]float32, error) {
			if plan != nil && method == "vpt" {
				return answered(3, 1)
			}
			return answered(2, 1)
		}, func() error { return fmt.Errorf("enough") })
		if err == nil || !strings.Contains(r.log.String(), want) {
			t.Errorf("%s: %v, %s", method, err, r.log.String())
		}
	}
}
