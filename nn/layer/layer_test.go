package layer_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/nn/layer"
)

func builder(w *layer.Weights, plan *layer.Plan) *layer.Builder {
	return layer.NewBuilder(gorgonia.NewGraph(), w, plan)
}

// mlp is a two-layer network with a block, a branch and a head.
func mlp(b *layer.Builder) {
	x := b.Input("x", tensor.Float32, 2, 3, 4)
	x = b.TokenBlock("blocks.0", x, 1, func(b *layer.Builder, x *layer.Node) *layer.Node {
		h := b.LayerNorm("norm", x, 1e-5)
		parts := b.LinearSlices("qkv", h, 12, []string{"q", "k", "v"})
		return b.Add(x, b.Branch("mlp", x, h, b.Add(parts[0], parts[2])))
	})
	b.Head().Linear("head", x, 5, layer.NoBias)
}

func TestPathsAreCheckpointKeys(t *testing.T) {
	w := layer.NewWeights(1)
	b := builder(w, nil)
	mlp(b)
	if err := b.Finish(); err != nil {
		t.Fatal(err)
	}
	want := []string{"blocks.0.norm.bias", "blocks.0.norm.weight", "blocks.0.qkv.bias", "blocks.0.qkv.weight", "head.weight"}
	if d := cmp.Diff(want, w.Names()); d != "" {
		t.Error(d)
	}
	s := b.Sites()
	site, _ := s.Find("blocks.0.qkv")
	if d := cmp.Diff(layer.Site{Path: "blocks.0.qkv", Kind: layer.KindLinear, In: 4, Out: 12, Weight: []int{12, 4}, Bias: true, Groups: 1, Slices: []string{"q", "k", "v"}}, site); d != "" {
		t.Error(d)
	}
	if head, _ := s.Find("head"); !head.Head || head.Block != -1 {
		t.Errorf("head is recorded as %+v", head)
	}
	if len(b.Trainable()) != 5 || b.Node("head.weight") == nil || b.Node("nothing") != nil {
		t.Errorf("trainable without a plan: %v", b.Trainable())
	}
}

func TestInitialValuesDependOnSeedAndNameOnly(t *testing.T) {
	draw := func(seed uint64, names ...string) *layer.Weights {
		w := layer.NewWeights(seed)
		b := builder(w, nil)
		for _, n := range names {
			b.Linear(n, b.Input("x"+n, tensor.Float32, 1, 8), 8)
		}
		for _, n := range names {
			w.Data(n + ".weight")
		}
		return w
	}
	a, b, other := draw(1, "a", "b"), draw(1, "new", "b"), draw(2, "b")
	if !slices.Equal(a.Data("b.weight"), b.Data("b.weight")) {
		t.Error("another layer changed b")
	}
	if slices.Equal(a.Data("a.weight"), a.Data("b.weight")) || slices.Equal(a.Data("b.weight"), other.Data("b.weight")) {
		t.Error("values do not depend on the name or the seed")
	}
}

func TestInitialDistributions(t *testing.T) {
	w := layer.NewWeights(3)
	b := builder(w, nil)
	x := b.Input("x", tensor.Float32, 1, 64, 8, 8)
	b.Conv2d("default", x, layer.Conv{Out: 32, Kernel: 3})
	b.Conv2d("kaiming", x, layer.Conv{Out: 32, Kernel: 3, Weight: layer.KaimingFanOut})
	b.Param("xavier", []int{100, 200}, layer.XavierUniform)
	b.Param("normal", []int{10000}, layer.Normal(1, .02))
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name             string
		mean, std, bound float64
	}{
		{"default.weight", 0, 1 / math.Sqrt(3*64*9), 1 / math.Sqrt(64*9)},
		{"default.bias", 0, math.NaN(), 1 / math.Sqrt(64*9)},
		{"kaiming.weight", 0, math.Sqrt(2. / (32 * 9)), 1},
		{"xavier", 0, math.Sqrt(2. / 300), math.Sqrt(6. / 300)},
		{"normal", 1, .02, 1.2},
	} {
		var sum, square float64
		data := w.Data(c.name)
		for _, v := range data {
			if math.Abs(float64(v)) > c.bound {
				t.Fatalf("%s: %v beyond %v", c.name, v, c.bound)
			}
			sum += float64(v)
			square += float64(v) * float64(v)
		}
		n := float64(len(data))
		mean := sum / n
		std := math.Sqrt(square/n - mean*mean)
		if len(data) > 1000 && (math.Abs(mean-c.mean) > 4*c.std/math.Sqrt(n) || math.Abs(std/c.std-1) > .05) {
			t.Errorf("%s: mean %v, std %v; want %v, %v", c.name, mean, std, c.mean, c.std)
		}
	}
}

func TestFirstErrorSticksAndNamesThePath(t *testing.T) {
	b := builder(layer.NewWeights(1), nil)
	x := b.Input("x", tensor.Float32, 2, 4)
	m := b.Sub("blocks").At(3)
	if y := m.Conv2d("conv", x, layer.Conv{Out: 2, Kernel: 3}); y != nil {
		t.Error("a failed layer returned a node")
	}
	if y := b.Linear("fc", x, 2); y != nil {
		t.Error("a call after an error returned a node")
	}
	if err := b.Finish(); err == nil || !strings.Contains(err.Error(), "blocks.3.conv") || !strings.Contains(err.Error(), "[2 4]") && !strings.Contains(err.Error(), "(2, 4)") {
		t.Errorf("error %v", err)
	}
}

func TestTiedParametersAreOneLeaf(t *testing.T) {
	w := layer.NewWeights(1)
	b := builder(w, nil)
	first := b.Param("shared", []int{2, 3}, layer.Ones)
	if b.Param("shared", []int{2, 3}, layer.Ones) != first || len(b.Sites().Params) != 1 {
		t.Error("two leaves of one name")
	}
	if b.Param("shared", []int{3, 2}, layer.Ones); b.Err() == nil {
		t.Error("a tied parameter changed its shape")
	}
}

func TestFaultyPlansAreRefused(t *testing.T) {
	b := builder(layer.NewWeights(1), nil)
	mlp(b)
	none := func(*layer.Builder, *layer.Node) *layer.Node { return nil }
	for want, edits := range map[string][]layer.Edit{
		"blocks.9 (layer.Delta)":        {layer.Delta{Site: "blocks.9", Output: none}},
		"head.bias (layer.Train)":       {layer.Train{Param: "head.bias"}},
		`no slice "x", only q, k, v`:    {layer.Delta{Site: "blocks.0.qkv", Slice: "x", Output: none}},
		"has no weight to change":       {layer.Reweight{Site: "blocks.0.mlp"}},
		"has no weight to add":          {layer.Delta{Site: "blocks.0.norm", Output: none}},
		"could not be merged":           {layer.Scale{Site: "head", Scale: "s", Shift: "b"}},
		"no channels to scale":          {layer.Scale{Site: "blocks.0", Scale: "s"}},
		"no linear map":                 {layer.Scale{Site: "blocks.0.mlp", Scale: "s"}},
		`no slice "y", only q, k, v`:    {layer.Scale{Site: "blocks.0.qkv", Slice: "y", Scale: "s"}},
		"only the input of a whole":     {layer.Scale{Site: "blocks.0.norm", Input: true, Scale: "s"}},
		"has no shift":                  {layer.Scale{Site: "blocks.0.qkv", Slice: "q", Scale: "s", Shift: "b"}},
		"branches and features":         {layer.After{Site: "blocks.0", Fn: none}},
		"go into attentions":            {layer.Prefix{Site: "blocks.0.mlp", N: 1}},
		"act on branches":               {layer.Parallel{Site: "blocks.0", Fn: none}},
		"blocks of token sequences":     {layer.Tokens{Site: "head", N: 1}},
		"two edits of type layer.Scale": {layer.Scale{Site: "head", Scale: "s"}, layer.Scale{Site: "head", Scale: "t"}},
		"does not combine":              {layer.Scale{Site: "head", Scale: "s"}, layer.Delta{Site: "head", Output: none}},
		"qkv: a scale does not combine": {layer.Scale{Site: "blocks.0.qkv", Scale: "s"}, layer.Scale{Site: "blocks.0.qkv", Slice: "q", Scale: "s"}},
	} {
		if _, err := layer.NewPlan(b.Sites(), edits, layer.FrozenStatistics); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error with %q, got %v", want, err)
		}
	}
}

func TestPlanOnAnotherNetworkFails(t *testing.T) {
	b := builder(layer.NewWeights(1), nil)
	mlp(b)
	plan, err := layer.NewPlan(b.Sites(), []layer.Edit{layer.Train{Param: "head.weight"}}, layer.FrozenStatistics)
	if err != nil {
		t.Fatal(err)
	}
	other := builder(layer.NewWeights(1), plan)
	other.Linear("fc", other.Input("x", tensor.Float32, 1, 2), 2)
	if err := other.Finish(); err == nil || !strings.Contains(err.Error(), "head.weight") {
		t.Errorf("error %v", err)
	}
}

func TestWeightsKeepShapes(t *testing.T) {
	w := layer.NewWeights(1)
	if err := w.Set("a", []int{2, 2}, []float32{1, 2, 3}); err == nil {
		t.Error("three values for a 2x2 matrix")
	}
	if err := w.Set("fc.weight", []int{3, 2}, make([]float32, 6)); err != nil {
		t.Fatal(err)
	}
	b := builder(w, nil)
	b.Linear("fc", b.Input("x", tensor.Float32, 1, 3), 2)
	if err := b.Err(); err == nil || !strings.Contains(err.Error(), "fc.weight") {
		t.Errorf("the network took a transposed weight: %v", err)
	}
	c := w.Clone()
	c.Data("fc.weight")[0] = 1
	if w.Data("fc.weight")[0] != 0 || w.Data("unknown") != nil || w.Shape("unknown") != nil {
		t.Error("a clone shares its values, or unknown names have some")
	}
}

// stored is a Setter that remembers where the values lay that it was given, and copies them.
type stored map[string][]float32

func (s stored) Set(name string, _ []int, data []float32) error {
	s[name+"@"] = data
	s[name] = slices.Clone(data)
	return nil
}

func TestAViewIsCopiedWhenItsWeightIsWrittenToAndNotBefore(t *testing.T) {
	file := []float32{1, 2, 3}
	w := layer.NewWeights(1)
	if err := w.SetView("frozen", []int{3}, func(*[]float32) []float32 { return file }); err != nil {
		t.Fatal(err)
	}
	converted := func(scratch *[]float32) []float32 {
		*scratch = append((*scratch)[:0], 4, 5, 6, 7)
		return *scratch
	}
	for _, name := range []string{"half", "other"} {
		if err := w.SetView(name, []int{2, 2}, converted); err != nil {
			t.Fatal(err)
		}
	}
	got := stored{}
	if err := w.Upload(got); err != nil {
		t.Fatal(err)
	}
	if &got["frozen@"][0] != &file[0] || &got["half@"][0] != &got["other@"][0] {
		t.Error("an upload copied a view, or made a second buffer to convert in")
	}
	if got := w.Read("frozen"); &got[0] != &file[0] {
		t.Error("reading copied a view")
	}
	if got := w.Read("half"); !slices.Equal(got, []float32{4, 5, 6, 7}) || w.Read("unknown") != nil {
		t.Errorf("read %v, and of an unknown name %v", got, w.Read("unknown"))
	}
	clone := w.Clone()
	w.Data("frozen")[0], w.Data("half")[3] = 9, 9
	if err := w.Upload(got); err != nil {
		t.Fatal(err)
	}
	if file[0] != 1 || clone.Data("frozen")[0] != 1 || !slices.Equal(got["frozen"], []float32{9, 2, 3}) || !slices.Equal(got["half"], []float32{4, 5, 6, 9}) {
		t.Errorf("file %v, clone %v, uploaded %v", file, clone.Data("frozen"), got)
	}
	if err := w.Set("other", []int{2, 2}, make([]float32, 4)); err != nil || w.Data("other")[0] != 0 {
		t.Errorf("set over a view: %v, %v", w.Data("other"), err)
	}
	if err := w.SetView("frozen", []int{4}, converted); err == nil || !strings.Contains(err.Error(), "[3]") {
		t.Errorf("a view of another shape: %v", err)
	}
	if err := w.UploadNamed(got, []string{"frozn"}); err == nil || !strings.Contains(err.Error(), "frozn") {
		t.Errorf("an unknown name: %v", err)
	}
}

func TestBatchNormsOfAFrozenPlanReportNoStatistics(t *testing.T) {
	net := func(b *layer.Builder) {
		b.BatchNorm("bn", b.Input("x", tensor.Float32, 2, 3, 4, 5), 1e-5)
	}
	free := builder(layer.NewWeights(1), nil)
	net(free)
	plan, err := layer.NewPlan(free.Sites(), nil, layer.FrozenStatistics)
	if err != nil {
		t.Fatal(err)
	}
	frozen := builder(layer.NewWeights(1), plan)
	net(frozen)
	stats := free.RunningStats()
	if len(stats) != 1 || stats[0].MeanName != "bn.running_mean" || stats[0].VarName != "bn.running_var" || len(frozen.RunningStats()) != 0 {
		t.Errorf("%+v, frozen %+v", stats, frozen.RunningStats())
	}
	if err := frozen.Finish(); err != nil || len(frozen.Trainable()) != 0 || len(free.Trainable()) != 2 {
		t.Errorf("%v; trainable %v and %v", err, frozen.Trainable(), free.Trainable())
	}
}

func TestABranchIsScaledInTheMapBeforeItsGains(t *testing.T) {
	b := layer.NewBuilder(gorgonia.NewGraph(), layer.NewWeights(1), nil)
	x := b.Input("x", tensor.Float32, 2, 3, 4)
	b.Branch("branch", x, x, b.LayerScale("gains", b.Linear("last", x, 4), layer.Ones))
	if err := b.Finish(); err != nil {
		t.Fatal(err)
	}
	if s, _ := b.Sites().Find("branch"); s.Last != "last" {
		t.Errorf("the branch ends in %q", s.Last)
	}
}
