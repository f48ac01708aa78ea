package stages

import (
	"context"
	"errors"
	"math"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/nn/diffusion"
	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/peft"
	"github.com/pipe-ml/pipe/nn/train"
	"github.com/pipe-ml/pipe/stages/artifact"
)

// proofBatch is how many images the proofs of a method look at.
const proofBatch = 4

// trainable are the figures of how much trains: beside the head, as papers give them, and with it.
var trainable = []struct {
	name string
	of   func(peft.Count) float64
}{
	{"trainable_parameters", func(c peft.Count) float64 { return float64(c.Trained - c.Head) }},
	{"trainable_parameters_with_head", func(c peft.Count) float64 { return float64(c.Trained) }},
	{"trainable_percent", peft.Count.WithoutHead},
	{"trainable_percent_with_head", peft.Count.WithHead},
}

// starts says how the output before the first step relates to the frozen model's, with its deviation relative to the largest value of that.
var starts = map[peft.Step0]string{
	peft.Equal:   "is the frozen model's in every bit (deviation %.3g)",
	peft.Close:   "is the frozen model's but for the noise of the new parameters, which moves it by up to %.3g of its largest value",
	peft.Differs: "differs from the frozen model's, as it does with this method, by up to %.3g of its largest value",
}

// proven trains between the proofs of what the method claims: of its start, and of merging what came of it. w is what
// train changes. What train reports comes before how much trained and the proofs. A merge that deviates is told and no error: what was trained
// is sound without it, and must not be lost.
func proven(r Reporter, a *peft.Adapter, w *layer.Weights, output peft.Output, train func() error) error {
	step0, err := a.ProveStep0(w, output)
	if err != nil {
		return err
	}
	r.Log("before the first step the output "+starts[a.Method.Step0], step0)
	if err := train(); err != nil {
		return err
	}
	for _, t := range trainable {
		r.Metric(t.name, t.of(a.Count))
	}
	r.Metric("head_parameters", float64(a.Count.Head))
	r.Metric("body_parameters", float64(a.Count.Body))
	r.Metric("step0_deviation", step0)
	if a.Method.Merge != peft.Exact {
		return nil
	}
	merged, err := a.ProveMerge(w, output)
	if err != nil && !errors.Is(err, peft.ErrUnmerged) {
		return err
	}
	if !math.IsInf(merged, 0) {
		r.Metric("merge_deviation", merged)
	}
	if err == nil {
		r.Log("merged into the weights, the output deviates by up to %.3g of its largest value", merged)
	}
	switch {
	case err != nil:
		r.Log("warning: %v; use the model as it is, with its adapter, or train at a lower learning rate to merge it", err)
	case merged > peft.MergeUsual:
		r.Log("warning: that is more than the usual %.0e: evaluate the merged weights themselves before using them", peft.MergeUsual)
	}
	return nil
}

// logitsOf is how the proofs see a classifier: by its answers for a few images. They are float32's, for the rounding of bf16 is above the bounds.
func (c computing) logitsOf(ctx context.Context, m *artifact.Classifier, set train.Images, rows []int) peft.Output {
	rows = rows[:min(len(rows), proofBatch)]
	return func(w *layer.Weights, plan *layer.Plan) ([]float32, error) {
		return c.inFloat32(func(dev accel.Device) ([]float32, error) {
			out, err := predict(ctx, dev, m.Model, w, plan, set, rows, len(rows))
			return out.Logits, err
		})
	}
}

// predictionOf is how they see a diffusion model: by what it predicts of noise in float32, for a few captions.
func (c computing) predictionOf(ctx context.Context, m *diffusion.Model, captions [][]int32) peft.Output {
	captions = captions[:min(len(captions), proofBatch)]
	return func(w *layer.Weights, plan *layer.Plan) ([]float32, error) {
		return c.inFloat32(func(dev accel.Device) ([]float32, error) { return m.Predict(ctx, dev, w, plan, captions) })
	}
}
