package checkpoint_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gorgonia.org/gorgonia"

	"github.com/pipe-ml/pipe/nn/checkpoint"
	"github.com/pipe-ml/pipe/nn/layer"
)

func declared(t *testing.T) *layer.Weights {
	t.Helper()
	w := layer.NewWeights(1)
	b := layer.NewBuilder(gorgonia.NewGraph(), w, nil)
	b.Param("a.weight", []int{2, 3}, layer.Zeros)
	b.Param("a.bias", []int{2}, layer.Zeros)
	b.Param("head.weight", []int{4, 2}, layer.Ones)
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	return w
}

func TestLoadTellsAllFaultsAtOnceAndSetsNothing(t *testing.T) {
	w := declared(t)
	_, err := checkpoint.Load(w, map[string]checkpoint.Tensor{
		"a.bias":   checkpoint.FromFloat32([]int{2}, []float32{5, 6}),
		"a.weight": checkpoint.FromFloat32([]int{3, 2}, make([]float32, 6)),
		"b.weight": checkpoint.FromFloat32([]int{1}, make([]float32, 1)),
	}, checkpoint.LoadOptions{})
	want := "weights do not fit the network: 1 missing: head.weight; 1 unexpected: b.weight; 1 of wrong shape or type: a.weight (file [3 2], network [2 3])"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if w.Data("a.bias")[0] != 0 {
		t.Error("a failed load changed the weights")
	}
}

func TestLoadNamesSomeOfManyFaults(t *testing.T) {
	tensors := map[string]checkpoint.Tensor{}
	for i := range 100 {
		tensors[fmt.Sprintf("x%02d", i)] = checkpoint.FromFloat32([]int{1}, make([]float32, 1))
	}
	_, err := checkpoint.Load(declared(t), tensors, checkpoint.LoadOptions{})
	want := "weights do not fit the network: 3 missing: a.bias, a.weight, head.weight; 100 unexpected: x00, x01, x02, x03, x04 and 95 more"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestLoadReportsItsExceptions(t *testing.T) {
	w := declared(t)
	rep, err := checkpoint.Load(w, map[string]checkpoint.Tensor{
		"a.weight":                checkpoint.FromFloat32([]int{2, 3}, []float32{1, 2, 3, 4, 5, 6}),
		"a.bias":                  checkpoint.FromFloat32([]int{2}, []float32{7, 8}),
		"head.weight":             checkpoint.FromFloat32([]int{1000, 2}, make([]float32, 2000)),
		"bn1.num_batches_tracked": checkpoint.FromInt32(nil, []int32{9}),
	}, checkpoint.LoadOptions{Fresh: []string{"head.*"}, Ignore: []string{"*.num_batches_tracked"}})
	if err != nil {
		t.Fatal(err)
	}
	want := checkpoint.LoadReport{Fresh: []string{"head.weight"}, Ignored: []string{"bn1.num_batches_tracked", "head.weight"}}
	if d := cmp.Diff(want, rep); d != "" {
		t.Error(d)
	}
	if w.Data("a.weight")[5] != 6 || w.Data("a.bias")[1] != 8 || w.Data("head.weight")[0] != 1 {
		t.Errorf("values %v %v %v", w.Data("a.weight"), w.Data("a.bias"), w.Data("head.weight"))
	}
}

func TestLoadRefusesIntegersAsWeights(t *testing.T) {
	tensors := map[string]checkpoint.Tensor{"a.bias": checkpoint.FromInt32([]int{2}, []int32{1, 2})}
	_, err := checkpoint.Load(declared(t), tensors, checkpoint.LoadOptions{Names: []string{"a.bias"}})
	if err == nil || !strings.Contains(err.Error(), "a.bias (tensor of I32 is not floating-point)") {
		t.Errorf("error %v", err)
	}
}
