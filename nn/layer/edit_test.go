package layer_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/op"
)

// evaluate builds net with the edits and computes its output by the operators' references. The input x counts from 1, parameters from
// initial values.
func evaluate(t *testing.T, net func(b *layer.Builder) (x, y *layer.Node), edits ...layer.Edit) []float64 {
	t.Helper()
	w := layer.NewWeights(1)
	rec := builder(w, nil)
	net(rec)
	plan, err := layer.NewPlan(rec.Sites(), edits, layer.FrozenStatistics)
	if err != nil {
		t.Fatal(err)
	}
	b := builder(w, plan)
	x, y := net(b)
	if err := b.Finish(); err != nil {
		t.Fatal(err)
	}
	feed := map[*layer.Node]op.Array{}
	for _, p := range b.Sites().Params {
		a := op.NewArray(p.Shape...)
		for i, v := range w.Data(p.Name) {
			a.Data[i] = float64(v)
		}
		feed[b.Node(p.Name)] = a
	}
	feed[x] = op.NewArray(x.Shape()...)
	for i := range feed[x].Data {
		feed[x].Data[i] = float64(i + 1)
	}
	out, err := op.Evaluate(op.Eval, []*layer.Node{y}, feed)
	if err != nil {
		t.Fatal(err)
	}
	return out[0].Data
}

func TestTokensLiveForTheTimeOfTheBlock(t *testing.T) {
	for _, prefix := range []int{0, 1, 2} {
		var inside []int
		net := func(b *layer.Builder) (x, y *layer.Node) {
			x = b.Input("x", tensor.Float32, 2, 4, 1)
			y = b.TokenBlock("block", x, prefix, func(b *layer.Builder, x *layer.Node) *layer.Node {
				inside = append(inside, x.Shape()[1])
				return b.Scale(x, 2)
			})
			return x, y
		}
		got := evaluate(t, net, layer.Tokens{Site: "block", N: 3, Name: "tokens", Init: layer.Const(100)})
		if !slices.Equal(inside, []int{4, 7}) {
			t.Errorf("prefix %d: the block saw %v tokens without and with the edit", prefix, inside)
		}
		if want := []float64{2, 4, 6, 8, 10, 12, 14, 16}; !slices.Equal(got, want) {
			t.Errorf("prefix %d: %v, want %v", prefix, got, want)
		}
	}
}

func TestInsertedTokensStandBehindThePrefix(t *testing.T) {
	var seen *layer.Node
	net := func(b *layer.Builder) (x, y *layer.Node) {
		x = b.Input("x", tensor.Float32, 1, 3, 1)
		b.TokenBlock("block", x, 1, func(_ *layer.Builder, x *layer.Node) *layer.Node { seen = x; return x })
		return x, seen
	}
	got := evaluate(t, net, layer.Tokens{Site: "block", N: 2, Name: "tokens", Init: layer.Const(9)})
	if want := []float64{1, 9, 9, 2, 3}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestTokensLeaveBehindTheLaterBlock(t *testing.T) {
	for _, prefix := range []int{0, 1} {
		var inside []int
		net := func(b *layer.Builder) (x, y *layer.Node) {
			x = b.Input("x", tensor.Float32, 1, 3, 1)
			y, inside = x, nil
			for _, name := range []string{"0", "1", "2", "3"} {
				y = b.TokenBlock(name, y, prefix, func(b *layer.Builder, x *layer.Node) *layer.Node {
					inside = append(inside, x.Shape()[1])
					return b.Scale(x, 2)
				})
			}
			return x, y
		}
		got := evaluate(t, net, layer.Tokens{Site: "1", Until: "2", N: 2, Name: "tokens", Init: layer.Const(100)})
		if want := []int{3, 5, 5, 3}; !slices.Equal(inside, want) {
			t.Errorf("prefix %d: the blocks saw %v tokens, want %v", prefix, inside, want)
		}
		if want := []float64{16, 32, 48}; !slices.Equal(got, want) {
			t.Errorf("prefix %d: %v, want %v", prefix, got, want)
		}
	}
}

func TestTokensThatStayOrMeetOthersAreRefused(t *testing.T) {
	for want, edits := range map[string][]layer.Edit{
		"tokens inserted here never leave": {layer.Tokens{Site: "0", Until: "2", N: 1, Name: "tokens", Init: layer.Zeros}},
		"are in the sequence already": {
			layer.Tokens{Site: "0", Until: "1", N: 1, Name: "tokens", Init: layer.Zeros}, layer.Tokens{Site: "1", N: 1, Name: "tokens", Init: layer.Zeros},
		},
	} {
		net := func(b *layer.Builder) {
			x := b.Input("x", tensor.Float32, 1, 3, 1)
			for _, name := range []string{"0", "1"} {
				x = b.TokenBlock(name, x, 1, func(b *layer.Builder, x *layer.Node) *layer.Node { return b.Scale(x, 2) })
			}
		}
		b := builder(layer.NewWeights(1), nil)
		net(b)
		plan, err := layer.NewPlan(b.Sites(), edits, layer.FrozenStatistics)
		if err != nil {
			t.Fatal(err)
		}
		b = builder(layer.NewWeights(1), plan)
		net(b)
		if err := b.Finish(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

func TestParallelReadsTheResidualStream(t *testing.T) {
	net := func(b *layer.Builder) (x, y *layer.Node) {
		x = b.Input("x", tensor.Float32, 1, 2)
		return x, b.Branch("mlp", x, x, b.Scale(x, 10))
	}
	got := evaluate(t, net, layer.Parallel{Site: "mlp", Fn: func(b *layer.Builder, x *layer.Node) *layer.Node {
		return b.Add(x, b.Param("shift", []int{1, 2}, layer.Const(.5)))
	}})
	if want := []float64{11.5, 22.5}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestSlicesOfAFusedMap: the second slice gets a change and the others not; all are scaled as the whole would be.
func TestSlicesOfAFusedMap(t *testing.T) {
	net := func(b *layer.Builder) (x, y *layer.Node) {
		x = b.Input("x", tensor.Float32, 1, 2)
		parts := b.LinearSlices("qkv", x, 6, []string{"q", "k", "v"}, layer.WithInit(layer.Ones, layer.Const(1)))
		return x, b.Concat(1, parts...)
	}
	twice := func(b *layer.Builder, x *layer.Node) *layer.Node { return b.Scale(x, 2) }
	if got, want := evaluate(t, net, layer.Delta{Site: "qkv", Slice: "k", Output: twice}), []float64{4, 4, 6, 8, 4, 4}; !slices.Equal(got, want) {
		t.Errorf("a change of k gives %v, want %v", got, want)
	}
	wide := func(b *layer.Builder, x *layer.Node) *layer.Node { return b.Concat(1, x, x, b.Scale(x, 3)) }
	if got, want := evaluate(t, net, layer.Delta{Site: "qkv", Output: wide}), []float64{5, 6, 5, 6, 7, 10}; !slices.Equal(got, want) {
		t.Errorf("a change of the whole gives %v, want %v", got, want)
	}
	scale := layer.Scale{Site: "qkv", Scale: "s", Shift: "t", ScaleInit: layer.Const(2), ShiftInit: layer.Const(-1)}
	if got, want := evaluate(t, net, scale), []float64{7, 7, 7, 7, 7, 7}; !slices.Equal(got, want) {
		t.Errorf("a scale gives %v, want %v", got, want)
	}
}

func TestParallelMayReadWhatTheBranchReads(t *testing.T) {
	net := func(b *layer.Builder) (x, y *layer.Node) {
		x = b.Input("x", tensor.Float32, 1, 2)
		return x, b.Branch("mlp", x, b.Scale(x, 100), b.Scale(x, 10))
	}
	same := func(_ *layer.Builder, x *layer.Node) *layer.Node { return x }
	if got, want := evaluate(t, net, layer.Parallel{Site: "mlp", Normed: true, Fn: same}), []float64{110, 220}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestAfterReplacesTheOutput(t *testing.T) {
	net := func(b *layer.Builder) (x, y *layer.Node) {
		x = b.Input("x", tensor.Float32, 1, 2)
		return x, b.Features("features", b.Add(x, b.Branch("mlp", x, x, b.Scale(x, 10))))
	}
	twice := func(b *layer.Builder, y *layer.Node) *layer.Node { return b.Scale(y, 2) }
	if got, want := evaluate(t, net, layer.After{Site: "mlp", Fn: twice}), []float64{21, 42}; !slices.Equal(got, want) {
		t.Errorf("behind a branch %v, want %v", got, want)
	}
	if got, want := evaluate(t, net, layer.After{Site: "features", Fn: twice}), []float64{22, 44}; !slices.Equal(got, want) {
		t.Errorf("behind the features %v, want %v", got, want)
	}
}

func TestEditsSeeTheGridOfTheirBranch(t *testing.T) {
	grids := map[string][2]int{}
	net := func(b *layer.Builder) (x, y *layer.Node) {
		x = b.Input("x", tensor.Float32, 1, 7, 2)
		image := b.Input("image", tensor.Float32, 1, 2, 4, 5)
		y = b.OnGrid(2, 3).Branch("tokens", x, x, b.Scale(x, 2))
		b.Branch("image", image, image, b.Scale(image, 1))
		return x, y
	}
	see := func(name string) layer.Parallel {
		return layer.Parallel{Site: name, Fn: func(b *layer.Builder, x *layer.Node) *layer.Node {
			h, w := b.Grid()
			grids[name] = [2]int{h, w}
			return x
		}}
	}
	evaluate(t, net, see("tokens"), see("image"))
	if grids["tokens"] != [2]int{2, 3} || grids["image"] != [2]int{4, 5} {
		t.Errorf("grids %v", grids)
	}
}

// TestLearnedKeysStandInFront: with queries of 0 each output is the mean of the values that its query sees.
func TestLearnedKeysStandInFront(t *testing.T) {
	for causal, want := range map[bool][]float64{false: {10. / 4, 10. / 4}, true: {8. / 3, 10. / 4}} {
		net := func(b *layer.Builder) (x, y *layer.Node) {
			x = b.Input("x", tensor.Float32, 1, 2, 1) // 1, 2
			return x, b.Attention("heads", b.Scale(x, 0), x, x, 1, causal)
		}
		got := evaluate(t, net, layer.Prefix{Site: "heads", N: 2, Key: "key", Value: "value", Init: layer.Const(3.5)})
		if len(got) != 2 || math.Abs(got[0]-want[0]) > 1e-12 || math.Abs(got[1]-want[1]) > 1e-12 {
			t.Errorf("causal %v: %v, want %v", causal, got, want)
		}
	}
}

// TestScalesOfSlicesAndInputs: the sum of x is 3.
func TestScalesOfSlicesAndInputs(t *testing.T) {
	net := func(b *layer.Builder) (x, y *layer.Node) {
		x = b.Input("x", tensor.Float32, 1, 2)
		parts := b.LinearSlices("qkv", x, 6, []string{"q", "k", "v"}, layer.WithInit(layer.Ones, layer.Const(1)))
		return x, b.Branch("branch", x, x, b.Linear("fc", b.Concat(1, parts...), 1, layer.WithInit(layer.Ones, layer.Zeros)))
	}
	for name, c := range map[string]struct {
		edits []layer.Edit
		want  float64
	}{
		"nothing":       {nil, 24},
		"two slices":    {[]layer.Edit{layer.Scale{Site: "qkv", Slice: "q", Scale: "s", ScaleInit: layer.Const(2)}, layer.Scale{Site: "qkv", Slice: "v", Scale: "s", ScaleInit: layer.Const(3)}}, 48},
		"an input":      {[]layer.Edit{layer.Scale{Site: "qkv", Input: true, Scale: "s", ScaleInit: layer.Const(2)}}, 42},
		"a branch":      {[]layer.Edit{layer.Scale{Site: "branch", Scale: "s", ScaleInit: layer.Const(-1)}}, -24},
		"branch and fc": {[]layer.Edit{layer.Scale{Site: "branch", Scale: "s", ScaleInit: layer.Const(-1)}, layer.Scale{Site: "fc", Scale: "s", ScaleInit: layer.Const(2)}}, -48},
	} {
		if got := evaluate(t, net, c.edits...); !slices.Equal(got, []float64{c.want}) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestAScaledBranchEndsInItsLinearMap(t *testing.T) {
	b := builder(layer.NewWeights(1), nil)
	x := b.Input("x", tensor.Float32, 1, 3, 2)
	b.Branch("plain", x, x, b.Linear("fc", x, 2))
	b.Branch("scaled", x, x, b.LayerScale("ls", b.Linear("fc2", x, 2), layer.Ones))
	b.Branch("activated", x, x, b.ReLU(b.Linear("fc3", x, 2)))
	for path, want := range map[string]string{"plain": "fc", "scaled": "fc2", "activated": ""} {
		if s, _ := b.Sites().Find(path); s.Last != want {
			t.Errorf("%s ends in %q, want %q", path, s.Last, want)
		}
	}
}
