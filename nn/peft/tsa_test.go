package peft_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"gorgonia.org/tensor"

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

// TestTSAActsInBlocksThatASumCloses, whatever their branch is called.
func TestTSAActsInBlocksThatASumCloses(t *testing.T) {
	for _, sum := range []bool{true, false} {
		network := func(b *layer.Builder) {
			x := b.Input("x", tensor.Float32, 1, 2, 4, 6)
			b.Block("block", x, func(b *layer.Builder, x *layer.Node) *layer.Node {
				y := b.Conv2d("conv", x, layer.Conv{Out: 2, Kernel: 3, Pad: 1})
				if !sum {
					return b.Concat(1, x, b.BranchWithoutSum("residual", x, x, y))
				}
				return b.Add(x, b.Branch("body", x, x, y))
			})
		}
		_, err := peft.Prepare(network, layer.NewWeights(1), peft.Options{Method: "tsa"})
		if sum && err != nil || !sum && !errors.Is(err, peft.ErrNothingToTrain) {
			t.Errorf("sum %v: %v", sum, err)
		}
	}
}
