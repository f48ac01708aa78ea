package peft_test

import (
	"testing"

	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/model"
	"github.com/pipe-ml/pipe/nn/peft"
)

// TestDiffFitMergesThroughLayerScale: the vector behind a branch goes into the linear map before the network's own.
func TestDiffFitMergesThroughLayerScale(t *testing.T) {
	n := backbone{"dinov2", map[string][]int{"image": {batch, 2, 8, 8}}, func(b *layer.Builder, in map[string]*layer.Node) *layer.Node {
		m, err := model.NewViT(model.ViTConfig{PatchSize: 4, EmbedDim: 12, Depth: 2, NumHeads: 3, InitValues: .5, NumClasses: 3}, model.Input{Size: 8, Channels: 2})
		check(t, err)
		return m.Head(b, m.Features(b, in["image"]))
	}}
	w := layer.NewWeights(1)
	a, err := peft.Prepare(n.model(nil, nil), w, peft.Options{Method: "difffit"})
	check(t, err)
	shake(w, a, trainables(a)...)
	if _, err := a.ProveMerge(w, outputs(t, n)); err != nil {
		t.Error(err)
	}
}
