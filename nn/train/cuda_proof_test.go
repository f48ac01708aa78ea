//go:build nvidia

package train

import (
	"context"
	"errors"
	"testing"

	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/accel/cuda"
	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/peft"
	"github.com/pipe-ml/pipe/nn/program"
)

// What a method claims of its start, to the bit, and of its merging once it is trained holds on a card too: on a transformer, or a CNN where
// only that has what it trains. Those of U-Nets alone are package diffusion's.
func TestEveryMethodKeepsItsClaimsOnACard(t *testing.T) {
	for _, method := range peft.Names() {
		for _, name := range []string{"vit_micro_patch8_64", "resnet10_64"} {
			c := task(small(t, name, 16), 2)
			a, err := peft.Prepare(func(b *layer.Builder) {
				c.Model.Head(b, c.Model.Features(b, b.Input("images", tensor.Float32, 1, 1, 16, 16)))
			}, c.Weights, peft.Options{Method: method})
			if errors.Is(err, peft.ErrNothingToTrain) {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Run(method+" "+name, func(t *testing.T) { keepsItsClaims(t, c, a) })
			break
		}
	}
}

func keepsItsClaims(t *testing.T, c *Classifier, a *peft.Adapter) {
	card, err := cuda.Open(0, cuda.Float32)
	if err != nil {
		t.Fatalf("%v (make test-cuda builds the double of the driver and runs on it)", err)
	}
	output := func(w *layer.Weights, plan *layer.Plan) ([]float32, error) {
		mem := program.NewMemory(card)
		p, err := NewPredictor(mem, c.Model, w, plan, 2)
		if err != nil {
			return nil, err
		}
		out, err := p.Predict(context.Background(), c.Images, []int{0, 1})
		return out.Logits, errors.Join(err, p.Close(), mem.Close())
	}
	if _, err := a.ProveStep0(c.Weights, output); err != nil {
		t.Error(err)
	}
	c.Plan, c.BatchSize = a.Plan, 2
	if _, err := c.Fit(context.Background(), card); err != nil {
		t.Fatal(err)
	}
	if a.Method.Merge == peft.Exact {
		if far, err := a.ProveMerge(c.Weights, output); err != nil || far > peft.MergeUsual {
			t.Errorf("merged it deviates by %.3g, %v", far, err)
		}
	}
	if err := card.Close(); err != nil {
		t.Error(err)
	}
}
