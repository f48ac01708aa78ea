package layer_test

import (
	"slices"
	"strings"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/nn/layer"
)

func TestReweightReplacesTheWeight(t *testing.T) {
	conv := func(b *layer.Builder) (x, y *layer.Node) {
		x = b.Input("x", tensor.Float32, 1, 2, 1, 1)
		return x, b.Conv2d("conv", x, layer.Conv{Out: 1, Kernel: 1, NoBias: true, Weight: layer.Ones})
	}
	linear := func(b *layer.Builder) (x, y *layer.Node) {
		x = b.Input("x", tensor.Float32, 1, 2)
		return x, b.Linear("linear", x, 3, layer.WithInit(layer.Ones, layer.Const(1)))
	}
	fused := func(b *layer.Builder) (x, y *layer.Node) {
		x = b.Input("x", tensor.Float32, 1, 2)
		return x, b.Concat(1, b.LinearSlices("linear", x, 4, []string{"q", "k"}, layer.WithInit(layer.Ones, layer.Const(1)))...)
	}
	norm := func(b *layer.Builder) (x, y *layer.Node) {
		x = b.Input("x", tensor.Float32, 1, 2)
		return x, b.LayerNorm("norm", x, 0)
	}
	thrice := func(b *layer.Builder, w *layer.Node) *layer.Node { return b.Scale(w, 3) }
	for _, c := range []struct {
		name string
		net  func(b *layer.Builder) (x, y *layer.Node)
		edit layer.Reweight
		want []float64
	}{
		{"convolution", conv, layer.Reweight{Site: "conv"}, []float64{9}},
		{"linear map", linear, layer.Reweight{Site: "linear"}, []float64{10, 10, 10}},
		{"whole of a fused map", fused, layer.Reweight{Site: "linear"}, []float64{10, 10, 10, 10}},
		{"slice", fused, layer.Reweight{Site: "linear", Slice: "k"}, []float64{4, 4, 10, 10}},
		{"normalisation", norm, layer.Reweight{Site: "norm"}, []float64{-3, 3}},
	} {
		c.edit.Weight = thrice
		if got := evaluate(t, c.net, c.edit); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// shared is a network of two linear maps and the edits that change both by one shared parameter and a derived one.
func shared(b *layer.Builder) {
	x := b.Input("x", tensor.Float32, 1, 2)
	for _, n := range []string{"a", "b"} {
		x = b.Linear(n, x, 2, layer.NoBias)
	}
}

func sharedEdits() []layer.Edit {
	var edits []layer.Edit
	for _, n := range []string{"a", "b"} {
		edits = append(edits, layer.Reweight{Site: n,
			Weight: func(b *layer.Builder, w *layer.Node) *layer.Node {
				twice := b.Derive(layer.Derived{Names: []string{"once", "twice"}, Shapes: [][]int{{2, 2}, {2, 2}}, Buffer: true,
					From: func(w []float32) [][]float32 {
						double := slices.Clone(w)
						for i := range double {
							double[i] *= 2
						}
						return [][]float32{slices.Clone(w), double}
					}})[1]
				return b.Mul(twice, b.Shared().Param("factor", []int{1, 1}, layer.Const(3)))
			},
			Merged: func(w []float32, v layer.Values) []float64 {
				out := make([]float64, len(w))
				for i, x := range v.At("twice") {
					out[i] = float64(x) * float64(v.Shared("factor")[0])
				}
				return out
			}})
	}
	return edits
}

func TestSharedAndDerivedParameters(t *testing.T) {
	w := layer.NewWeights(1)
	rec := builder(w, nil)
	shared(rec)
	plan, err := layer.NewPlan(rec.Sites(), sharedEdits(), layer.FrozenStatistics)
	if err != nil {
		t.Fatal(err)
	}
	b := builder(w, plan)
	shared(b)
	var names []string
	for _, p := range b.Trainable() {
		names = append(names, p.Name)
	}
	if !slices.Equal(names, []string{"shared.factor"}) {
		t.Errorf("trained %v", names)
	}
	// The base may be set after the network was built, and a clone derives from its own.
	base := []float32{1, 2, 3, 4}
	if err := w.Set("a.weight", []int{2, 2}, base); err != nil {
		t.Fatal(err)
	}
	clone := w.Clone()
	clone.Data("a.weight")[3] = 5
	if got := w.Data("a.twice"); !slices.Equal(got, []float32{2, 4, 6, 8}) {
		t.Errorf("derived %v", got)
	}
	if got := clone.Data("a.twice"); !slices.Equal(got, []float32{2, 4, 6, 10}) {
		t.Errorf("derived in the clone %v", got)
	}
	w.Data("shared.factor")[0] = .5
	merged, err := layer.Merge(w, b.Sites(), plan)
	if err != nil {
		t.Fatal(err)
	}
	if got := merged.Data("a.weight"); !slices.Equal(got, base) || merged.Has("shared.factor") || merged.Has("b.twice") {
		t.Errorf("merged %v, names %v", got, merged.Names())
	}
}

// TestNetworksBesideEachOtherShareNothing: in one set of weights, each has shared parameters below its own root, which merging finds.
func TestNetworksBesideEachOtherShareNothing(t *testing.T) {
	w := layer.NewWeights(1)
	network := func(b *layer.Builder) {
		b.Root("text").Linear("a", b.Input("x", tensor.Float32, 1, 2), 2, layer.NoBias)
	}
	rec := builder(w, nil)
	network(rec)
	factor := func(b *layer.Builder, x *layer.Node) *layer.Node {
		return b.Mul(x, b.Shared().Param("factor", []int{1, 1}, layer.Const(3)))
	}
	plan, err := layer.NewPlan(rec.Sites(), []layer.Edit{layer.Reweight{Site: "text.a", Weight: factor,
		Merged: func(w []float32, v layer.Values) []float64 {
			out := make([]float64, len(w))
			for i, x := range w {
				out[i] = float64(x) * float64(v.Shared("factor")[0])
			}
			return out
		}}}, layer.FrozenStatistics)
	if err != nil {
		t.Fatal(err)
	}
	b := builder(w, plan)
	network(b)
	if err := b.Finish(); err != nil || len(b.Trainable()) != 1 || b.Trainable()[0].Name != "text.shared.factor" {
		t.Fatalf("trained %v, %v", b.Trainable(), err)
	}
	if err := w.Set("text.a.weight", []int{2, 2}, []float32{1, 2, 3, 4}); err != nil {
		t.Fatal(err)
	}
	merged, err := layer.Merge(w, b.Sites(), plan)
	if err != nil {
		t.Fatal(err)
	}
	if got := merged.Data("text.a.weight"); !slices.Equal(got, []float32{3, 6, 9, 12}) {
		t.Errorf("merged %v", got)
	}
}

func TestAReplacedWeightTakesNoOtherChange(t *testing.T) {
	rec := builder(layer.NewWeights(1), nil)
	rec.LinearSlices("qkv", rec.Input("x", tensor.Float32, 1, 2), 6, []string{"q", "k", "v"})
	for _, other := range []layer.Edit{layer.Delta{Site: "qkv"}, layer.Delta{Site: "qkv", Slice: "k"}, layer.Reweight{Site: "qkv"}} {
		_, err := layer.NewPlan(rec.Sites(), []layer.Edit{layer.Reweight{Site: "qkv", Slice: "k"}, other}, layer.FrozenStatistics)
		if err == nil || !strings.Contains(err.Error(), "takes no other change") {
			t.Errorf("%T: %v", other, err)
		}
	}
	if _, err := layer.NewPlan(rec.Sites(), []layer.Edit{layer.Reweight{Site: "qkv", Slice: "k"}, layer.Delta{Site: "qkv", Slice: "q"}}, layer.FrozenStatistics); err != nil {
		t.Error(err)
	}
}

// TestOneChangeAWeight: a delta of the whole and one of a slice have no one place in a file.
func TestOneChangeAWeight(t *testing.T) {
	rec := layer.NewBuilder(gorgonia.NewGraph(), layer.NewWeights(1), nil)
	rec.LinearSlices("qkv", rec.Input("x", tensor.Float32, 1, 2), 6, []string{"q", "k", "v"})
	for _, edits := range [][]layer.Edit{
		{layer.Delta{Site: "qkv"}, layer.Delta{Site: "qkv", Slice: "k"}},
		{foreign{}},
	} {
		if _, err := layer.NewPlan(rec.Sites(), edits, layer.FrozenStatistics); err == nil {
			t.Errorf("%T is accepted", edits[0])
		}
	}
}

// foreign is an edit that the framework does not know.
type foreign struct{}

func (foreign) At() string { return "qkv" }

func TestCentreNeedsDrawnValues(t *testing.T) {
	w := layer.NewWeights(1)
	if err := w.Set("stored", []int{1}, []float32{1}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"unknown", "stored"} {
		if err := w.Centre(name); err == nil {
			t.Errorf("%s has a centre", name)
		}
	}
}
