package peft_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pipe-ml/pipe/nn/checkpoint"
	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/peft"
)

// TestAdaptersOfTheLibraryLoadAndAreWrittenAlike reads adapters of the tiny text encoder that the PEFT library saved (make
// parity-fixtures), and saves them again: the same tensors by the same names, and a configuration that says the same.
func TestAdaptersOfTheLibraryLoadAndAreWrittenAlike(t *testing.T) {
	text := backbones[slices.IndexFunc(backbones, func(n backbone) bool { return n.name == "clip" })]
	folders, err := filepath.Glob("testdata/library/*")
	check(t, err)
	if len(folders) == 0 {
		t.Fatal("no adapters of the library in testdata")
	}
	for _, theirs := range folders {
		w := layer.NewWeights(1)
		a, err := peft.Load(theirs, text.model(nil, nil), w)
		check(t, err)
		if slices.Equal(output(t, text, w, nil), output(t, text, w, a.Plan)) {
			t.Errorf("%s has no effect", theirs)
		}
		ours := t.TempDir()
		check(t, a.Save(ours, w))
		want, got := tensorsOf(t, theirs), tensorsOf(t, ours)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", theirs, d)
		}
		config := configOf(t, ours)
		for key, v := range configOf(t, theirs) {
			if _, both := config[key]; both && (key == "peft_type" || key == "r" || key == "lora_alpha" || key == "fan_in_fan_out") && !cmp.Equal(v, config[key]) {
				t.Errorf("%s: %s is %v, written as %v", theirs, key, v, config[key])
			}
		}
	}
}

// tensorsOf are the names, shapes and values of an adapter's tensors.
func tensorsOf(t *testing.T, dir string) map[string]any {
	t.Helper()
	tensors, _, err := checkpoint.Read(filepath.Join(dir, peft.WeightsFile))
	check(t, err)
	out := map[string]any{}
	for name, x := range tensors {
		v, err := x.Float32()
		check(t, err)
		out[name] = []any{x.Shape, v}
	}
	return out
}

func configOf(t *testing.T, dir string) map[string]any {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, peft.ConfigFile))
	check(t, err)
	var config map[string]any
	check(t, json.Unmarshal(text, &config))
	return config
}
