package pipelines

import (
	"slices"
	"testing"

	"github.com/pipe-ml/pipe/dag"
)

func TestAddressesAreCompletedTermByTerm(t *testing.T) {
	var nodes []*dag.Node
	for _, m := range []string{"lora", "linear", "two words"} {
		for _, s := range []float64{1, 10} {
			if m == "linear" && s == 10 {
				continue
			}
			nodes = append(nodes, &dag.Node{Stage: "train.m", Axes: []dag.Axis{{Name: "method", Value: m}, {Name: "seed", Value: s}}})
		}
	}
	nodes = append(nodes, &dag.Node{Stage: "train.m", Group: []dag.Member{}}, &dag.Node{Stage: "table.t"})
	inModule := &dag.Node{Stage: "module.m.module.n.train.m", Axes: []dag.Axis{{Name: "seed", Value: 1.0}}}
	nodes = append(nodes, inModule)
	for text, want := range map[string][]string{
		"":                            {"train.m", "table.t", "module.m.module.n.train.m", "module.m.module.n", "module.m"},
		"mod":                         {"module.m.module.n.train.m", "module.m.module.n.train.m[", "module.m.module.n", "module.m"},
		"module.m.module.n.train.m[":  {"module.m.module.n.train.m[seed="},
		"tr":                          {"train.m", "train.m["},
		"ta":                          {"table.t"},
		"train.m[":                    {"train.m[method=", "train.m[seed="},
		"train.m[m":                   {"train.m[method="},
		"train.m[method=":             {"train.m[method=lora", "train.m[method=linear", `train.m[method="two words"`},
		"train.m[method=l":            {"train.m[method=lora", "train.m[method=linear"},
		"train.m[method=lo":           {"train.m[method=lora]", "train.m[method=lora,"},
		"train.m[method=lora":         {"train.m[method=lora]", "train.m[method=lora,"},
		"train.m[method=lora,":        {"train.m[method=lora,seed="},
		"train.m[method=lora,seed=1":  {"train.m[method=lora,seed=1]", "train.m[method=lora,seed=10]"},
		"train.m[method=linear,seed=": {"train.m[method=linear,seed=1]"},
		"train.m[seed=10,method=l":    {"train.m[seed=10,method=lora]"},
		`train.m["`:                   {`train.m["lora"`, `train.m["linear"`, `train.m["two words"`},
		`train.m["lora",`:             {`train.m["lora",1]`, `train.m["lora",10]`},
		"train.m[nosuch=":             nil,
		"train.m[method=lora,seed=1,": nil,
		"train.m[method=,":            nil,
		"other.x[":                    nil,
		"table.t[":                    nil,
	} {
		if got := Complete(nodes, text); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}
