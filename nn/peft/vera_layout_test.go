package peft_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pipe-ml/pipe/nn/checkpoint"
	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/peft"
)

// TestForeignVeRALoads: without our record, and under another seed, since its random matrices are in the file.
func TestForeignVeRALoads(t *testing.T) {
	n, w, dir := backbones[0], layer.NewWeights(1), t.TempDir()
	a, err := peft.Prepare(n.model(nil, nil), w, peft.Options{Method: "vera", Config: map[string]any{"rank": 5, "targets": []string{"qkv", "fc1"}}})
	check(t, err)
	shake(w, a, trainables(a)...)
	check(t, a.Save(dir, w))
	file, config := filepath.Join(dir, peft.WeightsFile), filepath.Join(dir, peft.ConfigFile)
	tensors, _, err := checkpoint.Read(file)
	check(t, err)
	if shape := tensors["base_model.vera_B"].Shape; !cmp.Equal(shape, []int{36, 5}) {
		t.Errorf("base_model.vera_B is %v", shape)
	}
	check(t, checkpoint.Write(file, tensors, map[string]string{"format": "pt"}))
	other := layer.NewWeights(2)
	loaded, err := peft.Load(dir, n.model(nil, nil), other)
	check(t, err)
	for _, name := range loaded.Delta() {
		if d := cmp.Diff(w.Data(name), other.Data(name)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}

	text, err := os.ReadFile(config)
	check(t, err)
	check(t, os.WriteFile(config, []byte(strings.Replace(string(text), `"save_projection": true`, `"save_projection": false`, 1)), 0o644))
	if _, err := peft.Load(dir, n.model(nil, nil), layer.NewWeights(1)); err == nil || !strings.Contains(err.Error(), "the matrices are not in the file") {
		t.Errorf("error %v", err)
	}
}
