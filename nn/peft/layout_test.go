package peft_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pipe-ml/pipe/nn/checkpoint"
	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/peft"
)

// TestFusedSlicesAreOneChangeInThePEFTLayout: the library's reading, W + alpha/r B A on the whole fused projection, must
// be what the slices compute. The test does that product itself.
func TestFusedSlicesAreOneChangeInThePEFTLayout(t *testing.T) {
	n := backbones[0]
	w := layer.NewWeights(1)
	a, err := peft.Prepare(n.model(nil, nil), w, peft.Options{Method: "lora", Config: map[string]any{"rank": 2, "alpha": 3}})
	check(t, err)
	shake(w, a, trainables(a)...)
	dir := t.TempDir()
	check(t, a.Save(dir, w))

	raw, err := os.ReadFile(filepath.Join(dir, peft.ConfigFile))
	check(t, err)
	var config map[string]any
	check(t, json.Unmarshal(raw, &config))
	for key, want := range map[string]any{
		"peft_type": "LORA", "r": 2., "lora_alpha": 3., "bias": "none", "modules_to_save": []any{"head"},
		"target_modules": []any{"blocks.0.attn.qkv", "blocks.1.attn.qkv"},
		"rank_pattern":   map[string]any{"blocks.0.attn.qkv": 4., "blocks.1.attn.qkv": 4.},
		"alpha_pattern":  map[string]any{"blocks.0.attn.qkv": 6., "blocks.1.attn.qkv": 6.},
	} {
		if d := cmp.Diff(want, config[key]); d != "" {
			t.Errorf("%s: %s", key, d)
		}
	}

	tensors, _, err := checkpoint.Read(filepath.Join(dir, peft.WeightsFile))
	check(t, err)
	var keys []string
	for k := range tensors {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	if d := cmp.Diff([]string{
		"base_model.model.blocks.0.attn.qkv.lora_A.weight", "base_model.model.blocks.0.attn.qkv.lora_B.weight",
		"base_model.model.blocks.1.attn.qkv.lora_A.weight", "base_model.model.blocks.1.attn.qkv.lora_B.weight",
		"base_model.model.head.bias", "base_model.model.head.weight",
	}, keys); d != "" {
		t.Error(d)
	}
	merged, err := a.Merge(w)
	check(t, err)
	const site = "blocks.1.attn.qkv"
	la, err := tensors["base_model.model."+site+".lora_A.weight"].Float32()
	check(t, err)
	lb, err := tensors["base_model.model."+site+".lora_B.weight"].Float32()
	check(t, err)
	want := w.Clone().Data(site + ".weight")
	for i := range 36 {
		for j := range 12 {
			sum := 0.
			for r := range 4 {
				sum += float64(lb[i*4+r]) * float64(la[r*12+j])
			}
			want[i*12+j] = float32(float64(want[i*12+j]) + 6./4*sum)
		}
	}
	if d := maxDiff(want, merged.Data(site+".weight")); d > 1e-6 {
		t.Errorf("the library's product differs by %v", d)
	}
}

func maxDiff(x, y []float32) float32 {
	var m float32
	for i := range x {
		m = max(m, x[i]-y[i], y[i]-x[i])
	}
	return m
}

// TestForeignLoRALoads: a file as the PEFT library writes it, on the whole of a fused projection, without our record.
func TestForeignLoRALoads(t *testing.T) {
	n, dir := backbones[0], t.TempDir()
	tensors := map[string]checkpoint.Tensor{}
	add := func(name string, shape ...int) {
		data := make([]float32, shape[0]*shape[len(shape)-1])
		if len(shape) == 1 {
			data = data[:shape[0]]
		}
		noise(data, name, .3)
		tensors["base_model.model."+name] = checkpoint.FromFloat32(shape, data)
	}
	for _, b := range []string{"blocks.0", "blocks.1"} {
		add(b+".attn.qkv.lora_A.weight", 2, 12)
		add(b+".attn.qkv.lora_B.weight", 36, 2)
	}
	add("head.weight", 3, 12)
	add("head.bias", 3)
	check(t, checkpoint.Write(filepath.Join(dir, peft.WeightsFile), tensors, map[string]string{"format": "pt"}))
	config := `{"peft_type":"LORA","r":2,"lora_alpha":4,"target_modules":["qkv"],"bias":"none","use_dora":false,"modules_to_save":["head"]}`
	path := filepath.Join(dir, peft.ConfigFile)
	check(t, os.WriteFile(path, []byte(config), 0o600))

	w := layer.NewWeights(1)
	n.model(nil, nil)(builder(w))
	base := output(t, n, w, nil)
	a, err := peft.Load(dir, n.model(nil, nil), w)
	check(t, err)
	if got := peft.Values(a.Config)["alpha"]; got != 4. {
		t.Errorf("alpha %v", got)
	}
	if slices.Equal(base, output(t, n, w, a.Plan)) {
		t.Error("the loaded change has no effect")
	}

	changed := w
	check(t, os.WriteFile(path, []byte(strings.Replace(config, `["qkv"]`, `".*\\.attn\\.qkv"`, 1)), 0o600))
	w = layer.NewWeights(1)
	if a, err = peft.Load(dir, n.model(nil, nil), w); err != nil || !slices.Equal(output(t, n, changed, a.Plan), output(t, n, w, a.Plan)) {
		t.Errorf("with a regular expression for modules: %v", err)
	}

	for old, c := range map[string]struct{ changed, want string }{
		`"use_dora":false`:       {`"use_dora":true`, "missing: blocks.0.attn.qkv.lora_magnitude_vector, blocks.1.attn.qkv.lora_magnitude_vector"},
		`"lora_alpha":4,`:        {`"lora_alpha":4,"init_lora_weights":"pissa",`, "init_lora_weights = pissa"},
		`"lora_alpha":4,"target`: {`"lora_alpha":4,"loftq_config":{"loftq_bits":4},"target`, "loftq_config = map"},
		`"bias":"none"`:          {`"bias":"all"`, `bias = "all" cannot be read, only none: work it into the weights in Python by merge_and_unload`},
		`"lora_alpha":4`:         {`"lora_alpha":4,"layers_to_transform":[0]`, "layers_to_transform = [0] cannot be read: work it into the weights"},
		`"peft_type":"LORA"`:     {`"peft_type":"LOHA"`, `peft_type "LOHA" of another program cannot be read, only LORA, IA3, VERA: work it into the weights`},
		`"r":2`:                  {`"r":2,"rank_pattern":{"qvk":3}`, `pattern "qvk" matches nothing; known: blocks.0.attn.qkv`},
	} {
		check(t, os.WriteFile(path, []byte(strings.Replace(config, old, c.changed, 1)), 0o600))
		w := layer.NewWeights(1)
		if _, err := peft.Load(dir, n.model(nil, nil), w); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s gives %v, want %q", c.changed, err, c.want)
		}
	}
}

func TestDamagedAdaptersAreRefused(t *testing.T) {
	n := backbones[0]
	for _, c := range []struct {
		name, method, want string
		damage             func(map[string]checkpoint.Tensor, map[string]string)
	}{
		{"missing", "norm", "1 missing: blocks.1.norm2.bias", func(x map[string]checkpoint.Tensor, _ map[string]string) { delete(x, "blocks.1.norm2.bias") }},
		{"unexpected", "norm", "1 unexpected: extra", func(x map[string]checkpoint.Tensor, _ map[string]string) { x["extra"] = x["norm.bias"] }},
		{"shape", "norm", "norm.bias (file [11], network [12])", func(x map[string]checkpoint.Tensor, _ map[string]string) {
			x["norm.bias"] = checkpoint.FromFloat32([]int{11}, make([]float32, 11))
		}},
		{"version", "norm", "version 9", func(_ map[string]checkpoint.Tensor, m map[string]string) {
			m["pipe"] = strings.Replace(m["pipe"], `"version":1`, `"version":9`, 1)
		}},
		{"k changed", "lora", "reaches beyond q, v", func(x map[string]checkpoint.Tensor, _ map[string]string) {
			b := x["base_model.model.blocks.0.attn.qkv.lora_B.weight"]
			v, _ := b.Float32()
			v[12*16] = 1
			x["base_model.model.blocks.0.attn.qkv.lora_B.weight"] = checkpoint.FromFloat32(b.Shape, v)
		}},
	} {
		w, dir := layer.NewWeights(1), t.TempDir()
		a, err := peft.Prepare(n.model(nil, nil), w, peft.Options{Method: c.method})
		check(t, err)
		check(t, a.Save(dir, w))
		file := filepath.Join(dir, peft.WeightsFile)
		tensors, meta, err := checkpoint.Read(file)
		check(t, err)
		c.damage(tensors, meta)
		check(t, checkpoint.Write(file, tensors, meta))
		if _, err := peft.Load(dir, n.model(nil, nil), layer.NewWeights(1)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", c.name, err, c.want)
		}
	}
}
