package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gorgonia.org/gorgonia"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/cpu"
	"github.com/pipe-ml/pipe/nn/checkpoint"
	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/peft"
	"github.com/pipe-ml/pipe/nn/program"
)

// TestAdaptersOfThePEFTLibraryLoadAndGoBack: what that library saved computes here what its network computed, and is saved with the same tensors
// and settings.
func TestAdaptersOfThePEFTLibraryLoadAndGoBack(t *testing.T) {
	dev := cpu.New(1)
	defer dev.Close()
	dirs, err := filepath.Glob(filepath.Join("testdata", "adapters", "*"))
	if err != nil || len(dirs) != 6 {
		t.Fatalf("%d adapters, %v", len(dirs), err)
	}
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			fixture := filepath.Join("reparameterised", filepath.Base(dir))
			if filepath.Base(dir) == "ia3_library" {
				fixture = filepath.Join("clip_text_additive", "ia3")
			}
			c, err := Open(filepath.Join("..", "model", "testdata", "parity", fixture+".safetensors"))
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			w, network, err := c.base()
			if err != nil {
				t.Fatal(err)
			}
			a, err := peft.Load(dir, network, w)
			if err != nil {
				t.Fatal(err)
			}
			got, err := c.output(t.Context(), dev, w, a.Plan)
			if err != nil {
				t.Fatal(err)
			}
			want, err := c.values("tap.output")
			if err != nil {
				t.Fatal(err)
			}
			if e := relative(got, want); e > fixtureBound {
				t.Errorf("output is off by %.2g", e)
			}
			again := t.TempDir()
			if err := a.Save(again, w); err != nil {
				t.Fatal(err)
			}
			compareSaved(t, dir, again)
			compareModules(t, dir, again, a.Sites)
		})
	}
}

// output is what the case's network computes of its inputs from w, with the edits of plan.
func (c *Case) output(ctx context.Context, dev accel.Device, w *layer.Weights, plan *layer.Plan) (out []float32, err error) {
	make, err := c.network()
	if err != nil {
		return nil, err
	}
	n := &built{b: layer.NewBuilder(gorgonia.NewGraph(), w, plan), mem: program.NewMemory(dev)}
	defer func() { err = errors.Join(err, n.mem.Close()) }()
	if n.inputs, err = c.inputs(n.b); err != nil {
		return nil, err
	}
	if n.named, err = make(n.b, n.inputs); err != nil {
		return nil, err
	}
	if err := errors.Join(n.b.Finish(), w.Upload(n.mem)); err != nil {
		return nil, err
	}
	y := n.named["output"]
	p, err := program.Compile(y.Graph(), gorgonia.Nodes{y}, program.Options{Memory: n.mem, Mode: program.Eval})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	if err := errors.Join(n.set(c, p.Set), p.Run(ctx)); err != nil {
		return nil, err
	}
	return p.Value(y)
}

// relative is the largest difference by the largest value.
func relative(got, want []float32) float32 {
	var diff, size float32
	for i, v := range want {
		diff, size = max(diff, got[i]-v, v-got[i]), max(size, v, -v)
	}
	return diff / size
}

// compareSaved holds our files to the library's.
func compareSaved(t *testing.T, theirs, ours string) {
	t.Helper()
	want, _, err := checkpoint.Read(filepath.Join(theirs, peft.WeightsFile))
	if err != nil {
		t.Fatal(err)
	}
	have, _, err := checkpoint.Read(filepath.Join(ours, peft.WeightsFile))
	if err != nil {
		t.Fatal(err)
	}
	if len(have) != len(want) {
		t.Errorf("%d tensors, the library has %d", len(have), len(want))
	}
	for name, x := range want {
		v, err := x.Float32()
		if err != nil {
			t.Fatal(err)
		}
		name = strings.Replace(name, "text_model.", "", 1) // the file's class has this module, a CLIPTextModel of transformers 5, for which ours are, has not
		y, err := have[name].Float32()
		if err != nil || !slices.Equal(x.Shape, have[name].Shape) || !slices.Equal(v, y) {
			t.Errorf("%s %v is %v in our file, %v", name, x.Shape, have[name].Shape, err)
		}
	}
	settings := func(dir string) map[string]any {
		text, err := os.ReadFile(filepath.Join(dir, peft.ConfigFile))
		if err != nil {
			t.Fatal(err)
		}
		all := map[string]any{}
		if err := json.Unmarshal(text, &all); err != nil {
			t.Fatal(err)
		}
		out := map[string]any{}
		for _, k := range []string{"peft_type", "r", "d_initial", "lora_alpha", "lora_dropout", "bias", "use_dora", "use_rslora", "fan_in_fan_out", "modules_to_save"} {
			out[k] = all[k]
		}
		if list, ok := out["modules_to_save"].([]any); ok && len(list) == 0 {
			out["modules_to_save"] = nil // which is how the library writes it
		}
		return out
	}
	if d := cmp.Diff(settings(theirs), settings(ours)); d != "" {
		t.Error(d)
	}
}

// compareModules holds what the settings of two folders say of each linear map and convolution: whether it is a target or a feed-forward one, its rank and its
// alpha. The library's names are the ends of paths, ours whole paths.
func compareModules(t *testing.T, theirs, ours string, sites layer.Sites) {
	t.Helper()
	read := func(dir string) map[string]string {
		text, err := os.ReadFile(filepath.Join(dir, peft.ConfigFile))
		if err != nil {
			t.Fatal(err)
		}
		var c struct {
			Targets      []string           `json:"target_modules"`
			FeedForwards []string           `json:"feedforward_modules"`
			Ranks        map[string]float64 `json:"rank_pattern"`
			Alphas       map[string]float64 `json:"alpha_pattern"`
		}
		if err := json.Unmarshal(text, &c); err != nil {
			t.Fatal(err)
		}
		out := map[string]string{}
		for _, s := range sites.Sites {
			names := func(name string) bool { return s.Path == name || strings.HasSuffix(s.Path, "."+name) }
			value := func(pattern map[string]float64) (v float64) {
				for name, x := range pattern {
					if names(name) {
						v = x
					}
				}
				return v
			}
			if mapped := s.Kind == layer.KindLinear || s.Kind == layer.KindConv; mapped && slices.ContainsFunc(c.Targets, names) {
				out[s.Path] = fmt.Sprint(slices.ContainsFunc(c.FeedForwards, names), value(c.Ranks), value(c.Alphas))
			}
		}
		return out
	}
	want := read(theirs)
	if d := cmp.Diff(want, read(ours)); d != "" || len(want) == 0 {
		t.Errorf("targets: %s", d)
	}
}
