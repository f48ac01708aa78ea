package peft_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pipe-ml/pipe/nn/checkpoint"
	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/peft"
)

// TestForeignListsWhatLoadsWithoutOurRecord: of all methods, these and no others.
func TestForeignListsWhatLoadsWithoutOurRecord(t *testing.T) {
	n, loaded := backbones[4], 0
	for _, name := range peft.Names() {
		m, err := peft.Lookup(name)
		check(t, err)
		w, dir := layer.NewWeights(1), t.TempDir()
		a, err := peft.Prepare(n.model(nil, nil), w, peft.Options{Method: name})
		if err != nil {
			continue // refused on this network
		}
		check(t, a.Save(dir, w))
		file := filepath.Join(dir, peft.WeightsFile)
		tensors, _, err := checkpoint.Read(file)
		check(t, err)
		check(t, checkpoint.Write(file, tensors, nil))
		_, err = peft.Load(dir, n.model(nil, nil), layer.NewWeights(1))
		if listed := slices.Contains(peft.Foreign(), m.Title); listed != (err == nil) {
			t.Errorf("%s: listed %v, loaded with error %v", name, listed, err)
		}
		if err == nil {
			loaded++
		}
	}
	if loaded != len(peft.Foreign()) {
		t.Errorf("%d load, listed are %v", loaded, peft.Foreign())
	}
}

func TestWhatIsNoAdapterIsRefusedWithWhatToGive(t *testing.T) {
	for files, want := range map[string]string{
		"nothing":                               "there is no such folder: give the folder that save_pretrained of the PEFT library wrote",
		"file":                                  "it is a file: give the folder",
		"adapter_config.json":                   "it has no adapter_model.safetensors: give the folder",
		"adapter_model.safetensors":             "it has no adapter_config.json: give the folder",
		"adapter_config.json adapter_model.bin": "so it is refused: convert it once by the line below\npython3 -c ",
	} {
		dir := t.TempDir()
		switch files {
		case "nothing":
			dir = filepath.Join(dir, "none")
		case "file":
			dir = filepath.Join(dir, "adapter.safetensors")
			check(t, os.WriteFile(dir, nil, 0o600))
		default:
			for _, name := range strings.Fields(files) {
				check(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
			}
		}
		if _, err := peft.Shapes(dir); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: %v, want %q", files, err, want)
		}
	}
}
