package stages

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/nn/diffusion"
	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/peft"
	"github.com/pipe-ml/pipe/nn/train"
	"github.com/pipe-ml/pipe/stages/artifact"
)

// proofBatch is how many images the proofs of a method look at.
const proofBatch = 4

// prepare lets the method choose what trains in a network called name with weights w, and tells it.
func (s *finetune) prepare(r Reporter, name string, network peft.Model, w *layer.Weights) (*peft.Adapter, error) {
	a, err := peft.Prepare(network, w, peft.Options{Method: s.Method, Config: s.Options, Mask: peft.Mask{Blocks: s.Blocks, Layers: s.Layers}})
	if errors.Is(err, peft.ErrNothingToTrain) {
		return nil, fmt.Errorf("%s: %w; %s", name, err, fitting(network))
	}
	if err != nil {
		return nil, err
	}
	for _, p := range a.Trainable {
		r.Log("trains %s %v", p.Name, p.Shape)
	}
	return a, nil
}

// fitting says which methods train something on a network.
func fitting(network peft.Model) string {
	rows, err := peft.Support(network, peft.Names())
	if err != nil {
		return err.Error()
	}
	var names []string
	for _, row := range rows {
		if row.Refused == "" {
			names = append(names, row.Method)
		}
	}
	return "methods that fit it: " + strings.Join(names, ", ")
}

// proven trains between the proofs of what the method claims: of its start, and of merging what came of it. w is what
// train changes. What train reports comes before how much trained and the proofs.
func proven(r Reporter, a *peft.Adapter, w *layer.Weights, output peft.Output, train func() error) error {
	step0, err := a.ProveStep0(w, output)
	if err != nil {
		return err
	}
	r.Log("before the first step the output is %s to the frozen model's: it deviates by %.3g", a.Method.Step0, step0)
	if err := train(); err != nil {
		return err
	}
	r.Metric("trainable_percent", a.Count.WithoutHead())
	r.Metric("trainable_percent_with_head", a.Count.WithHead())
	r.Metric("trainable_parameters", float64(a.Count.Trained))
	r.Metric("head_parameters", float64(a.Count.Head))
	r.Metric("body_parameters", float64(a.Count.Body))
	r.Metric("step0_deviation", step0)
	if a.Method.Merge != peft.Exact {
		return nil
	}
	merged, err := a.ProveMerge(w, output)
	if err != nil {
		return err
	}
	r.Metric("merge_deviation", merged)
	r.Log("merged into the weights, the output deviates by %.3g", merged)
	if merged > peft.MergeUsual {
		r.Log("warning: that is more than the usual %.0e: evaluate the merged weights themselves before using them", peft.MergeUsual)
	}
	return nil
}

// logitsOf is how the proofs see a classifier: by its answers for a few images.
func logitsOf(ctx context.Context, dev accel.Device, c *artifact.Classifier, set train.Images, rows []int) peft.Output {
	rows = rows[:min(len(rows), proofBatch)]
	return func(w *layer.Weights, plan *layer.Plan) ([]float32, error) {
		out, err := predict(ctx, dev, c.Model, w, plan, set, rows, len(rows))
		return out.Logits, err
	}
}

// predictionOf is how they see a diffusion model: by what it predicts of noise, for a few captions.
func predictionOf(ctx context.Context, dev accel.Device, m *diffusion.Model, captions [][]int32) peft.Output {
	captions = captions[:min(len(captions), proofBatch)]
	return func(w *layer.Weights, plan *layer.Plan) ([]float32, error) {
		return m.Predict(ctx, dev, w, plan, captions)
	}
}
