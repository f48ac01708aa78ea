//go:build nvidia

package diffusion

import (
	"context"
	"testing"

	"github.com/pipe-ml/pipe/accel/cuda"
	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/peft"
)

// What a method claims of its start, to the bit, and of its merging once it is trained holds on a card too: those that fit U-Nets alone, and
// one that computes its weights. The others are package train's.
func TestMethodsOfUNetsKeepTheirClaimsOnACard(t *testing.T) {
	for _, method := range []string{"attention_blocks", "group_norm", "dora"} {
		t.Run(method, func(t *testing.T) { keepsItsClaims(t, method) })
	}
}

func keepsItsClaims(t *testing.T, method string) {
	tr := lightDark(t, 2)
	a, err := peft.Prepare(tr.Model.Denoiser, tr.Model.Weights, peft.Options{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	card, err := cuda.Open(0, cuda.Float32)
	if err != nil {
		t.Fatalf("%v (make test-cuda builds the double of the driver and runs on it)", err)
	}
	output := func(w *layer.Weights, plan *layer.Plan) ([]float32, error) {
		return tr.Model.Predict(context.Background(), card, w, plan, tr.Tokens[:2])
	}
	if _, err := a.ProveStep0(tr.Model.Weights, output); err != nil {
		t.Error(err)
	}
	tr.Model.Plan, tr.BatchSize = a.Plan, 2
	if _, err := tr.Fit(context.Background(), card); err != nil {
		t.Fatal(err)
	}
	if a.Method.Merge == peft.Exact {
		if far, err := a.ProveMerge(tr.Model.Weights, output); err != nil || far > peft.MergeUsual {
			t.Errorf("merged it deviates by %.3g, %v", far, err)
		}
	}
	if err := card.Close(); err != nil {
		t.Error(err)
	}
}
