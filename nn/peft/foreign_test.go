package peft_test

import (
	"path/filepath"
	"slices"
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
