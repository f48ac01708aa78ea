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

// TestVeRAOfATextEncoderIsTheLibrarys: the names are those of a CLIPTextModel of transformers 5, and those of 4 load too.
func TestVeRAOfATextEncoderIsTheLibrarys(t *testing.T) {
	n, w, dir := backbones[4], layer.NewWeights(1), t.TempDir()
	a, err := peft.Prepare(n.model(nil, nil), w, peft.Options{Method: "vera", Config: map[string]any{"rank": 5}})
	check(t, err)
	shake(w, a, trainables(a)...)
	check(t, a.Save(dir, w))
	file := filepath.Join(dir, peft.WeightsFile)
	tensors, _, err := checkpoint.Read(file)
	check(t, err)
	older := map[string]checkpoint.Tensor{}
	want := map[string]bool{"base_model.vera_A": true, "base_model.vera_B": true}
	for _, layer := range []string{"0", "1"} {
		for _, p := range []string{"q_proj.vera_lambda_b", "q_proj.vera_lambda_d", "v_proj.vera_lambda_b", "v_proj.vera_lambda_d"} {
			want["base_model.model.encoder.layers."+layer+".self_attn."+p] = true
		}
	}
	have := map[string]bool{}
	for name, x := range tensors {
		have[name] = true
		older[strings.Replace(name, "base_model.model.", "base_model.model.text_model.", 1)] = x
	}
	if d := cmp.Diff(want, have); d != "" {
		t.Error(d)
	}
	for name, x := range map[string]map[string]checkpoint.Tensor{"transformers 4": older, "transformers 5": tensors} {
		check(t, checkpoint.Write(file, x, map[string]string{"format": "pt"})) // without our record
		other := layer.NewWeights(2)
		loaded, err := peft.Load(dir, n.model(nil, nil), other)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, p := range loaded.Delta() {
			if d := cmp.Diff(w.Data(p), other.Data(p)); d != "" {
				t.Errorf("%s: %s: %s", name, p, d)
			}
		}
	}
}

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
