package peft_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pipe-ml/pipe/nn/checkpoint"
	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/peft"
)

// ia3File saves shaken vectors of the tiny ViT and returns them, the file's tensors and the folder.
func ia3File(t *testing.T) (*layer.Weights, map[string]checkpoint.Tensor, string) {
	t.Helper()
	w := layer.NewWeights(1)
	a, err := peft.Prepare(backbones[0].model(nil, nil), w, peft.Options{Method: "ia3"})
	check(t, err)
	shake(w, a, trainables(a)...)
	dir := t.TempDir()
	check(t, a.Save(dir, w))
	tensors, _, err := checkpoint.Read(filepath.Join(dir, peft.WeightsFile))
	check(t, err)
	return w, tensors, dir
}

func TestIA3OfAFusedProjectionIsOneVectorInThePEFTLayout(t *testing.T) {
	w, tensors, _ := ia3File(t)
	qkv := tensors["base_model.model.blocks.0.attn.qkv.ia3_l"]
	got, err := qkv.Float32()
	check(t, err)
	want := slices.Repeat([]float32{1}, 12)
	want = append(append(want, w.Data("blocks.0.attn.qkv.k.ia3_l")...), w.Data("blocks.0.attn.qkv.v.ia3_l")...)
	if !slices.Equal(got, want) || !slices.Equal(qkv.Shape, []int{36, 1}) {
		t.Errorf("%v %v, want %v", qkv.Shape, got, want)
	}
	if hidden := tensors["base_model.model.blocks.0.mlp.fc2.ia3_l"].Shape; !slices.Equal(hidden, []int{1, 20}) {
		t.Errorf("the feed-forward's vector has shape %v", hidden)
	}
	if _, left := tensors["base_model.model.blocks.0.attn.qkv.k.ia3_l"]; left {
		t.Error("a slice has a vector of its own")
	}
}

func TestForeignIA3Loads(t *testing.T) {
	want, tensors, dir := ia3File(t)
	config := `{"peft_type": "IA3", "target_modules": ["qkv", "fc2"], "feedforward_modules": ["fc2"]}`
	check(t, os.WriteFile(filepath.Join(dir, peft.ConfigFile), []byte(config), 0o644))
	file := filepath.Join(dir, peft.WeightsFile)
	check(t, checkpoint.Write(file, tensors, map[string]string{"format": "pt"}))
	w := layer.NewWeights(1)
	a, err := peft.Load(dir, backbones[0].model(nil, nil), w)
	check(t, err)
	for _, name := range trainables(a) {
		if d := cmp.Diff(want.Data(name), w.Data(name)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}

	queries := maps.Clone(tensors)
	queries["base_model.model.blocks.1.attn.qkv.ia3_l"] = checkpoint.FromFloat32([]int{36, 1}, slices.Repeat([]float32{2}, 36))
	check(t, checkpoint.Write(file, queries, nil))
	if _, err := peft.Load(dir, backbones[0].model(nil, nil), layer.NewWeights(1)); err == nil || !strings.Contains(err.Error(), "scales more than keys and values") {
		t.Errorf("scaled queries: %v", err)
	}
	fewer := maps.Clone(tensors)
	delete(fewer, "base_model.model.blocks.1.mlp.fc2.ia3_l")
	check(t, checkpoint.Write(file, fewer, nil))
	if _, err := peft.Load(dir, backbones[0].model(nil, nil), layer.NewWeights(1)); err == nil || !strings.Contains(err.Error(), "1 missing: blocks.1.mlp.fc2.ia3_l") {
		t.Errorf("a missing vector: %v", err)
	}
}
