package peft_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/peft"
)

// TestTSABeginsBesideTheFrozenModel: the output is near, and with alpha at 0 equal in every bit, beta being the identity.
func TestTSABeginsBesideTheFrozenModel(t *testing.T) {
	n, w := backbones[1], layer.NewWeights(1)
	a, err := peft.Prepare(n.model(nil, nil), w, peft.Options{Method: "tsa"})
	check(t, err)
	frozen := output(t, n, w, nil)
	d, err := a.ProveStep0(w, outputs(t, n))
	check(t, err)
	if d > 1e-2 {
		t.Errorf("the output deviates by %.2g at first", d)
	}
	for _, p := range a.Sites.Params {
		if strings.HasSuffix(p.Name, "tsa_alpha") {
			clear(w.Data(p.Name))
		}
	}
	if !slices.Equal(frozen, output(t, n, w, a.Plan)) {
		t.Error("with alpha at 0 the output is not the frozen model's")
	}
}

// TestDoRAOfRowsOfZerosIsFinite: the PEFT library divides by their norm.
func TestDoRAOfRowsOfZerosIsFinite(t *testing.T) {
	n, w := backbones[2], layer.NewWeights(1)
	a, err := peft.Prepare(n.model(nil, nil), w, peft.Options{Method: "dora", Config: map[string]any{"rank": 2, "targets": []string{"conv_in"}}})
	check(t, err)
	clear(w.Data("conv_in.weight")[:36])
	if _, err := a.ProveStep0(w, outputs(t, n)); err != nil {
		t.Error(err)
	}
	shake(w, a, trainables(a)...)
	if _, err := a.ProveMerge(w, outputs(t, n)); err != nil {
		t.Error(err)
	}
}
