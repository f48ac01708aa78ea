package peft_test

import (
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/model"
	"github.com/pipe-ml/pipe/nn/peft"
	"github.com/pipe-ml/pipe/nn/program"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// row is a method with a config on all backbones, and on special ones where it names them. Each count is of the trained numbers beside the head; -1: refused.
type row struct {
	method  string
	variant string // tells the rows of one method apart
	config  map[string]any
	trained map[string]int // by backbone
}

// on names the row on a backbone, and its golden file.
func (r row) on(n backbone) string {
	if r.variant == "" {
		return r.method + "_" + n.name
	}
	return r.method + "_" + r.variant + "_" + n.name
}

var rows = []row{
	{"full", "", nil, map[string]int{"vit": 2884, "resnet": 984, "unet": 1432, "densenet": 726, "clip": 4008}},
	{"linear", "", nil, map[string]int{"vit": 0, "resnet": 0, "unet": -1, "densenet": 0, "clip": -1}},
	{"bitfit", "", nil, map[string]int{"vit": 232, "resnet": 30, "unet": 76, "densenet": 45, "clip": 276}},
	{"norm", "", nil, map[string]int{"vit": 120, "resnet": 60, "unet": 60, "densenet": 90, "clip": 120}},
	{"ssf", "", nil, map[string]int{"vit": 464, "resnet": 60, "unet": 152, "densenet": 90, "clip": 552}},
	{"lora", "", map[string]any{"rank": 2, "alpha": 3}, map[string]int{"vit": 192, "resnet": 684, "unet": 46, "densenet": 360, "clip": 192}},
	{"lora", "qkv", map[string]any{"rank": 2, "targets": []string{"attn.qkv"}}, map[string]int{"vit": 192, "resnet": -1, "unet": -1, "densenet": -1, "clip": -1}},
	{"lora", "downsample", map[string]any{"rank": 2, "targets": []string{"downsample.0"}}, map[string]int{"vit": -1, "resnet": 20, "unet": -1, "densenet": -1, "clip": -1}},
	{"lora", "mixed", map[string]any{"rank": 2, "targets": []string{"conv_in", "proj_out", "to_k"}}, map[string]int{"vit": -1, "resnet": -1, "unet": 226, "densenet": -1, "clip": -1}},
	{"lora", "library", map[string]any{"rank": 2, "conv": "peft", "rslora": true, "alpha_pattern": map[string]any{"conv2": 5}, "targets": []string{"conv2"}}, map[string]int{"vit": -1, "resnet": 200, "unet": 120, "densenet": 232, "clip": -1}},
	{"lora", "patterns", map[string]any{"rank": 2, "dropout": 0.2, "rank_pattern": map[string]any{"v": 3}, "alpha_pattern": map[string]any{"v": 12}}, map[string]int{"vit": 240, "resnet": -1, "unet": -1, "densenet": -1, "clip": -1}},
	{"lora", "factors", map[string]any{"rank": 2, "alpha": 3, "rank_pattern": map[string]any{"v": 4}}, map[string]int{"vit": 288, "resnet": -1, "unet": -1, "densenet": -1, "clip": -1}},
	{"dora", "factors", map[string]any{"rank": 2, "alpha": 3, "rank_pattern": map[string]any{"blocks.0.attn.qkv.v": 4}}, map[string]int{"vit": 288, "resnet": -1, "unet": -1, "densenet": -1, "clip": -1}},
	{"dora", "", map[string]any{"rank": 2, "alpha": 3}, map[string]int{"vit": 240, "resnet": 384, "unet": 58, "densenet": 240, "clip": 240}},
	{"dora", "qkv", map[string]any{"rank": 2, "targets": []string{"attn.qkv"}}, map[string]int{"vit": 264, "resnet": -1, "unet": -1, "densenet": -1, "clip": -1}},
	{"dora", "mixed", map[string]any{"rank": 2, "targets": []string{"conv_in", "proj_out", "to_k"}}, map[string]int{"vit": -1, "resnet": -1, "unet": 148, "densenet": -1, "clip": -1}},
	{"adaptformer", "", map[string]any{"bottleneck": 4}, map[string]int{"vit": 224, "resnet": -1, "unet": -1, "densenet": -1, "clip": 224}},
	{"vpt", "", map[string]any{"tokens": 2}, map[string]int{"vit": 48, "resnet": -1, "unet": -1, "densenet": -1, "clip": -1}},
	{"vpt", "shallow", map[string]any{"tokens": 2, "deep": false}, map[string]int{"vit": 24, "dinov2": 24, "resnet": -1, "unet": -1, "densenet": -1, "clip": -1}},
}

// cases runs f for each row and backbone that are not refused, with the adapter prepared. The base is as after training: no gain is 1, no
// bias 0, and the running statistics are uneven.
func cases(t *testing.T, f func(t *testing.T, r row, n backbone, a *peft.Adapter, w *layer.Weights)) {
	for _, r := range rows {
		for _, n := range append(slices.Clone(backbones), special...) {
			if want, ok := r.trained[n.name]; !ok || want < 0 {
				continue
			}
			t.Run(r.on(n), func(t *testing.T) {
				w := layer.NewWeights(1)
				a, err := peft.Prepare(n.model(nil, nil), w, peft.Options{Method: r.method, Config: r.config})
				check(t, err)
				for _, p := range a.Sites.Params {
					if !p.Added {
						noise(w.Data(p.Name), p.Name, .1)
					}
				}
				f(t, r, n, a, w)
			})
		}
	}
}

// shake adds noise to the parameters whose names end so; variances stay positive.
func shake(w *layer.Weights, a *peft.Adapter, suffixes ...string) {
	for _, p := range a.Sites.Params {
		if slices.ContainsFunc(suffixes, func(s string) bool { return strings.HasSuffix(p.Name, s) }) {
			noise(w.Data(p.Name), p.Name, .1)
		}
	}
}

func trainables(a *peft.Adapter) []string {
	var names []string
	for _, p := range a.Trainable {
		names = append(names, p.Name)
	}
	return names
}

func TestCountsAndRefusals(t *testing.T) {
	for _, r := range rows {
		for _, n := range append(slices.Clone(backbones), special...) {
			want, ok := r.trained[n.name]
			if !ok {
				if slices.ContainsFunc(backbones, func(b backbone) bool { return b.name == n.name }) {
					t.Errorf("%s says nothing of %s", r.on(n), n.name)
				}
				continue
			}
			a, err := peft.Prepare(n.model(nil, nil), layer.NewWeights(1), peft.Options{Method: r.method, Config: r.config})
			if want < 0 {
				listed := r.config["targets"] != nil || r.config["rank_pattern"] != nil
				unfit := errors.Is(err, peft.ErrNothingToTrain) || errors.Is(err, peft.ErrUnfit)
				if err == nil || unfit == listed || listed && !strings.Contains(err.Error(), "matches nothing") {
					t.Errorf("%s: want a refusal, got %v", r.on(n), err)
				}
			} else if err != nil {
				t.Errorf("%s: %v", r.on(n), err)
			} else if got := a.Count.Trained - a.Count.Head; got != want {
				t.Errorf("%s trains %d of %d beside the head, want %d", r.on(n), got, a.Count.Body, want)
			}
		}
	}
}

func TestTrainableNamesAreGolden(t *testing.T) {
	cases(t, func(t *testing.T, r row, n backbone, a *peft.Adapter, _ *layer.Weights) {
		got := ""
		for _, p := range a.Trainable {
			got += fmt.Sprintf("%s %v\n", p.Name, p.Shape)
		}
		file := filepath.Join("testdata", "names", r.on(n)+".txt")
		if *update {
			check(t, os.MkdirAll(filepath.Dir(file), 0o755))
			check(t, os.WriteFile(file, []byte(got), 0o644))
		}
		want, err := os.ReadFile(file)
		check(t, err)
		if d := cmp.Diff(string(want), got); d != "" {
			t.Error(d)
		}
	})
}

func TestStep0IsAsClaimed(t *testing.T) {
	cases(t, func(t *testing.T, r row, n backbone, a *peft.Adapter, w *layer.Weights) {
		if _, err := a.ProveStep0(w, outputs(t, n)); err != nil {
			t.Error(err)
		}
	})
}

func TestThreeStepsChangeTheTrainablesOnly(t *testing.T) {
	cases(t, func(t *testing.T, r row, n backbone, a *peft.Adapter, w *layer.Weights) {
		net := compile(t, n, w, a.Plan, program.Train)
		for step := range 3 {
			net.run(step)
			net.move(net.gradients(), -.1)
		}
		trained := trainables(a)
		for _, name := range w.Names() {
			after, err := net.mem.Get(name)
			check(t, err)
			same := slices.EqualFunc(w.Data(name), after, func(x, y float32) bool { return math.Float32bits(x) == math.Float32bits(y) })
			// A bias of all keys shifts a query's scores alike, which the softmax takes away: its gradient is 0 but for rounding.
			still := same && strings.HasSuffix(name, "k_proj.bias")
			if trains := slices.Contains(trained, name); same == trains && !still {
				t.Errorf("%s: unchanged %v, trained %v", name, same, trains)
			}
		}
	})
}

// held are the parameters of a method whose gradient takes a part of the formula for a constant, as the reference does: it is no slope, and is compared
// with the reference's.
var held = map[string][]string{"dora": {"lora_A.weight", "lora_B.weight"}}

// TestGradientIsTheSlope moves along the gradient of perturbed trainables: the loss must change by its squared norm.
func TestGradientIsTheSlope(t *testing.T) {
	cases(t, func(t *testing.T, r row, n backbone, a *peft.Adapter, w *layer.Weights) {
		shake(w, a, trainables(a)...)
		net := compile(t, n, w, a.Plan, program.Train)
		net.run(0)
		g := net.gradients()
		for _, p := range a.Trainable {
			if slices.ContainsFunc(held[r.method], func(s string) bool { return strings.HasSuffix(p.Name, s) }) {
				clear(g[p.Name])
			}
		}
		var square float64
		for _, p := range a.Trainable {
			for _, v := range g[p.Name] {
				square += float64(v) * float64(v)
			}
		}
		h := float32(1e-2 / math.Sqrt(square))
		net.move(g, h)
		_, up := net.run(0)
		net.move(g, -2*h)
		_, down := net.run(0)
		slope := float64(up-down) / float64(2*h)
		if math.Abs(slope-square) > .03*square {
			t.Errorf("slope %v along a gradient of squared norm %v", slope, square)
		}
	})
}

func TestMergedEqualsUnmergedAfterPerturbation(t *testing.T) {
	cases(t, func(t *testing.T, r row, n backbone, a *peft.Adapter, w *layer.Weights) {
		base := output(t, n, w, nil)
		for _, p := range a.Trainable {
			if !p.Head {
				noise(w.Data(p.Name), p.Name, .3)
			}
		}
		if !a.Method.HeadOnly && maxDiff(base, output(t, n, w, a.Plan)) < 1e-3 {
			t.Error("the perturbed adapter has no effect")
		}
		shake(w, a, trainables(a)...)
		before := w.Clone()
		merged, err := a.Merge(w)
		if a.Method.Merge == peft.None {
			if !errors.Is(err, layer.ErrNotMergeable) {
				t.Errorf("merging gives %v", err)
			}
			return
		}
		check(t, err)
		d, err := a.ProveMerge(w, outputs(t, n))
		if err != nil || d > peft.MergeUsual {
			t.Errorf("deviation %.2g, %v", d, err)
		}
		t.Logf("deviation %.2g", d)
		for _, name := range w.Names() {
			if !slices.Equal(before.Data(name), w.Data(name)) {
				t.Errorf("merging changed %s of the base", name)
			}
		}
		for _, p := range a.Sites.Params {
			if p.Added && merged.Has(p.Name) {
				t.Errorf("%s is still there after merging", p.Name)
			}
		}
	})
}

func TestSavedAdapterLoadsOntoTheBase(t *testing.T) {
	cases(t, func(t *testing.T, r row, n backbone, a *peft.Adapter, w *layer.Weights) {
		base := w.Clone()
		for _, p := range a.Sites.Params {
			if p.Added {
				base.Delete(p.Name)
			}
		}
		shake(w, a, trainables(a)...)
		if slices.ContainsFunc(a.Sites.Sites, func(s layer.Site) bool { return s.Kind == layer.KindBatchNorm && a.Plan.Updates(s.Path) }) {
			shake(w, a, "running_mean", "running_var")
		}
		dir, again := t.TempDir(), t.TempDir()
		check(t, a.Save(dir, w))
		check(t, a.Save(again, w))
		for _, f := range []string{peft.ConfigFile, peft.WeightsFile} {
			x, err := os.ReadFile(filepath.Join(dir, f))
			check(t, err)
			y, err := os.ReadFile(filepath.Join(again, f))
			check(t, err)
			if !slices.Equal(x, y) {
				t.Errorf("%s differs between two saves", f)
			}
		}
		loaded, err := peft.Load(dir, n.model(nil, nil), base)
		check(t, err)
		if d := cmp.Diff(trainables(a), trainables(loaded)); d != "" {
			t.Error(d)
		}
		for _, name := range w.Names() {
			if !slices.Equal(w.Data(name), base.Data(name)) {
				t.Errorf("%s differs after the round trip", name)
			}
		}
		if !slices.Equal(output(t, n, w, a.Plan), output(t, n, base, loaded.Plan)) {
			t.Error("the loaded network answers differently")
		}
	})
}

func TestBlockMasksCompose(t *testing.T) {
	for _, r := range rows {
		if r.method == "linear" || r.config["targets"] != nil || r.config["deep"] == false { // which act where they are told to, or in front of the first block
			continue
		}
		network := withTwoBlocks(t, r)
		names := func(blocks []int) map[string]bool {
			a, err := peft.Prepare(network, layer.NewWeights(1), peft.Options{Method: r.method, Config: r.config, Mask: peft.Mask{Blocks: blocks}})
			check(t, err)
			out := map[string]bool{}
			for _, n := range trainables(a) {
				out[n] = true
			}
			return out
		}
		first, second, both := names([]int{0}), names([]int{1}), names([]int{0, 1})
		for n := range first {
			second[n] = true
		}
		if len(first) == len(both) || !cmp.Equal(second, both) {
			t.Errorf("%s: masks of block 0, of block 1 and of both do not compose: %s", r.method, cmp.Diff(second, both))
		}
	}
	_, err := peft.Prepare(backbones[0].model(nil, nil), layer.NewWeights(1), peft.Options{Method: "norm", Mask: peft.Mask{Blocks: []int{2}}})
	if err == nil || !strings.Contains(err.Error(), "the network has no block 2, it has 2") {
		t.Errorf("error %v", err)
	}
}

// withTwoBlocks is a network that the row's method fits and that has a first and a second block for it.
func withTwoBlocks(t *testing.T, r row) peft.Model {
	t.Helper()
	for _, n := range append(slices.Clone(backbones), special...) {
		if want, ok := r.trained[n.name]; ok && want > 0 && n.name != "unet" {
			return n.model(nil, nil)
		}
	}
	m := model.NewUNet(16, 16, []int{32, 64}, 1, 1, 48, 4, 8)
	m.DownBlockTypes[0], m.DownBlockTypes[1] = "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"
	return func(b *layer.Builder) {
		x, time := b.Input("x", tensor.Float32, 1, 1, 16, 16), b.Input("time", tensor.Float32, 1, 32)
		m.Build(b, x, time, b.Input("text", tensor.Float32, 1, 3, 48))
	}
}

// TestEveryMethodHasAFileAndARow: the file is named as the method.
func TestEveryMethodHasAFileAndARow(t *testing.T) {
	files, err := filepath.Glob("*.go")
	check(t, err)
	var registered []string
	for _, f := range files {
		src, err := os.ReadFile(f)
		check(t, err)
		if strings.Contains(string(src), "register(Method{") && !strings.HasSuffix(f, "_test.go") {
			registered = append(registered, strings.TrimSuffix(f, ".go"))
		}
	}
	if d := cmp.Diff(peft.Names(), registered); d != "" {
		t.Error(d)
	}
	for _, n := range peft.Names() {
		if !slices.ContainsFunc(rows, func(r row) bool { return r.method == n }) {
			t.Errorf("%s has no row", n)
		}
		m, err := peft.Lookup(n)
		check(t, err)
		if m.Name != n || m.Title == "" || m.Formula == "" || m.PEFTType == "" {
			t.Errorf("%s: incomplete card %+v", n, m)
		}
	}
}
