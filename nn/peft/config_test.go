package peft_test

import (
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
		{peft.Options{Method: "lora", Config: map[string]any{"rnak": 8}}, `lora has no option "rnak"; did you mean "rank"?`},
		{peft.Options{Method: "lora", Config: map[string]any{"rank": 0}}, "rank: 0 is below 1"},
		{peft.Options{Method: "lora", Config: map[string]any{"rank": 1.5}}, "rank: 1.5 is not a int"},
		{peft.Options{Method: "lora", Config: map[string]any{"targets": "q"}}, "targets: q is not a list"},
		{peft.Options{Method: "lora", Config: map[string]any{"targets": []any{"q", "porj"}}}, `target "porj" matches nothing; did you mean "proj"?`},
		{peft.Options{Method: "lora", Config: map[string]any{"targets": []any{"fc3"}}}, `target "fc3" matches nothing; did you mean "fc1"?`},
		{peft.Options{Method: "norm", Config: map[string]any{"rank": 1}}, `norm has no option "rank"`},
	} {
		_, err := peft.Prepare(backbones[0].model(nil, nil), layer.NewWeights(1), c.o)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: error %v, want %q", c.o, err, c.want)
		}
	}
}
