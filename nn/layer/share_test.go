package layer_test

import (
	"slices"
	"testing"

	"github.com/pipe-ml/pipe/nn/layer"
)

// keeper is a Sharer that notes what it was given, and how.
type keeper struct{ set, shared map[string][]float32 }

func (k keeper) Set(name string, _ []int, data []float32) error {
	k.set[name] = slices.Clone(data)
	return nil
}

func (k keeper) Share(name string, _ []int, data []float32) error {
	k.shared[name] = data
	return nil
}

func TestHeldWeightsAreSharedAndViewsCopied(t *testing.T) {
	w := layer.NewWeights(1)
	err := w.Set("held", []int{2}, []float32{1, 2})
	if err == nil {
		err = w.SetView("view", []int{2}, func(scratch *[]float32) []float32 {
			*scratch = append((*scratch)[:0], 3, 4)
			return *scratch
		})
	}
	k := keeper{map[string][]float32{}, map[string][]float32{}}
	if err == nil {
		err = w.ShareNamed(k, []string{"held", "view"})
	}
	if err != nil {
		t.Fatal(err)
	}
	if got := k.shared["held"]; len(k.shared) != 1 || &got[0] != &w.Data("held")[0] {
		t.Errorf("shared %v, want the values of held themselves", k.shared)
	}
	if !slices.Equal(k.set["view"], []float32{3, 4}) || len(k.set) != 1 {
		t.Errorf("copied %v, want those of view", k.set)
	}
	if err := w.ShareNamed(k, []string{"other"}); err == nil {
		t.Error("an unknown weight was shared")
	}
}
