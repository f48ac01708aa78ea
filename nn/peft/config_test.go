package peft_test

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/peft"
)

func TestConfigsComeFromTheirTags(t *testing.T) {
	m, err := peft.Lookup("adaptformer")
	check(t, err)
	c, err := m.Configure(map[string]any{"scale": 0.5})
	check(t, err)
	if d := cmp.Diff(map[string]any{"bottleneck": 64., "scale": 0.5, "dropout": 0.1}, peft.Values(c)); d != "" {
		t.Error(d)
	}
	c, err = m.Configure(map[string]any{"scale": nil})
	check(t, err)
	if scale := peft.Values(c)["scale"]; scale != 0.1 {
		t.Errorf("null is a scale of %v, not the default", scale)
	}
	for _, name := range peft.Names() {
		m, err := peft.Lookup(name)
		check(t, err)
		c, err := m.Configure(nil)
		check(t, err)
		again, err := m.Configure(peft.Values(c))
		check(t, err)
		if d := cmp.Diff(c, again); d != "" {
			t.Errorf("%s: values do not restore the config: %s", name, d)
		}
		for _, f := range peft.Fields(c) {
			if f.OneOf != nil && !slices.Contains(f.OneOf, f.Default.(string)) {
				t.Errorf("%s: the default %v of %s is not one of %v", name, f.Default, f.Name, f.OneOf)
			}
			if f.Doc == "" || f.Kind == "" {
				t.Errorf("%s: field %+v has no doc or no kind", name, f)
			}
		}
	}
}

func TestFaultyOptionsAreExplained(t *testing.T) {
	for _, c := range []struct {
		o    peft.Options
		want string
	}{
		{peft.Options{Method: "lorra"}, `no fine-tuning method "lorra"; did you mean "lora"?`},
		{peft.Options{Method: "LoRA "}, `no fine-tuning method "LoRA "; did you mean "lora"?`},
		{peft.Options{Method: "quantum_superposition"}, `see pipe docs peft`},
		{peft.Options{Method: "lora", Config: map[string]any{"rnak": 8}}, `lora: rnak: lora has no such option; did you mean "rank"?`},
		{peft.Options{Method: "lora", Config: map[string]any{"r": 8}}, `r: lora has no such option; did you mean "rank"?`},
		{peft.Options{Method: "lora", Config: map[string]any{"lora_alpha": 8}}, `did you mean "alpha"?`},
		{peft.Options{Method: "lora", Config: map[string]any{"target_modules": []any{"q"}}}, `did you mean "targets"?`},
		{peft.Options{Method: "dora", Config: map[string]any{"use_rslora": true}}, `did you mean "rslora"?`},
		{peft.Options{Method: "prefix", Config: map[string]any{"num_virtual_tokens": 8}}, `did you mean "tokens"?`},
		{peft.Options{Method: "vpt", Config: map[string]any{"target_modules": []any{"q"}}}, `vpt has no such option; known: tokens`},
		{peft.Options{Method: "lora", Config: map[string]any{"modules_to_save": []any{"head"}}}, `the head always trains: leave it out`},
		{peft.Options{Method: "lora", Config: map[string]any{"rank": 0}}, "lora: rank: 0 is below 1"},
		{peft.Options{Method: "lora", Config: map[string]any{"rank": "8"}}, `rank: "8" is not an int`},
		{peft.Options{Method: "lora", Config: map[string]any{"conv": "pefft"}}, `conv: "pefft" is not one of loralib, peft`},
		{peft.Options{Method: "adapter", Config: map[string]any{"style": "parallel"}}, `style: "parallel" is not one of houlsby, pfeiffer`},
		{peft.Options{Method: "lora", Config: map[string]any{"rank": 1.5}}, "rank: 1.5 is not an int"},
		{peft.Options{Method: "lora", Config: map[string]any{"dropout": 1.5}}, "dropout: 1.5 is above 0.99"},
		{peft.Options{Method: "lora", Config: map[string]any{"targets": []any{"attn.qkv", "q"}}}, "targets: they choose blocks.0.attn.qkv whole and its slice q too: name one of them"},
		{peft.Options{Method: "dora", Config: map[string]any{"targets": []any{"attn.qkv", "q"}}}, "targets: they choose blocks.0.attn.qkv whole"},
		{peft.Options{Method: "lora", Config: map[string]any{"targets": "q"}}, `targets: "q" is not a list: write ["q"]`},
		{peft.Options{Method: "lora", Config: map[string]any{"targets": []any{"q", "porj"}}}, `target "porj" matches nothing; did you mean "proj"?`},
		{peft.Options{Method: "lora", Config: map[string]any{"targets": []any{"fc3"}}}, `target "fc3" matches nothing; did you mean "fc1"?`},
		{peft.Options{Method: "lora", Config: map[string]any{"targets": []any{"query"}}}, `target "query" matches nothing; did you mean "q"?`},
		{peft.Options{Method: "lora", Config: map[string]any{"targets": []any{"all-linear"}}}, `target "all-linear" matches nothing; name them: fc1, fc2, `},
		{peft.Options{Method: "lora", Config: map[string]any{"init_lora_weights": "pissa"}}, "the change starts at 0 here, as there by true: leave it out"},
		{peft.Options{Method: "norm", Config: map[string]any{"rank": 1}}, `norm has no such option; it has none: leave it out`},
	} {
		_, err := peft.Prepare(backbones[0].model(nil, nil), layer.NewWeights(1), c.o)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: error %v, want %q", c.o, err, c.want)
		}
	}
}

func TestAllFaultyOptionsAreToldAtOnce(t *testing.T) {
	m, err := peft.Lookup("lora")
	check(t, err)
	_, err = m.Configure(map[string]any{"rank": 0, "conv": "x", "r": 8, "lora_alpha": 16, "dropout": .5})
	for _, want := range []string{"rank: 0 is below 1", `conv: "x" is not one of`, "r: lora has no such option", "lora_alpha: lora has no such option"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v lacks %q", err, want)
		}
	}
}

// TestNumbersInTagsAreNumbers: Fields takes them as they are.
func TestNumbersInTagsAreNumbers(t *testing.T) {
	for _, name := range peft.Names() {
		m, err := peft.Lookup(name)
		check(t, err)
		config := reflect.TypeOf(m.New()).Elem()
		for i := range config.NumField() {
			f := config.Field(i)
			numeric := f.Type.Kind() == reflect.Int || f.Type.Kind() == reflect.Float64
			for _, key := range []string{"default", "min", "max"} {
				text, ok := f.Tag.Lookup(key)
				if !ok && (key != "default" || !numeric) || key == "default" && !numeric {
					continue
				}
				v, err := strconv.ParseFloat(text, 64)
				if err != nil || f.Type.Kind() == reflect.Int && v != float64(int(v)) {
					t.Errorf("%s: %s: %s is %q", name, f.Name, key, text)
				}
			}
			if d := f.Tag.Get("default"); f.Type.Kind() == reflect.Bool && d != "true" && d != "false" {
				t.Errorf("%s: %s: default is %q", name, f.Name, d)
			}
		}
	}
}

// TestDropoutHasAnUpperBound holds every option of that name to what the operator takes.
func TestDropoutHasAnUpperBound(t *testing.T) {
	for _, name := range peft.Names() {
		m, err := peft.Lookup(name)
		check(t, err)
		for _, f := range peft.Fields(m.New()) {
			if f.Name == "dropout" && (f.Max == nil || *f.Max >= 1) {
				t.Errorf("%s: dropout has no bound below 1", name)
			}
		}
	}
}

// TestDropoutOfKernelsIsRefused: their change is computed on the weight, in both forms.
func TestDropoutOfKernelsIsRefused(t *testing.T) {
	for _, form := range []string{"loralib", "peft"} {
		_, err := peft.Prepare(backbones[1].model(nil, nil), layer.NewWeights(1), peft.Options{Method: "lora", Config: map[string]any{"dropout": .1, "conv": form}})
		if err == nil || !strings.Contains(err.Error(), "set dropout = 0") {
			t.Errorf("%s: %v", form, err)
		}
	}
}
