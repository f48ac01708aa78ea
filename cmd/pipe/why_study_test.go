package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pipe-ml/pipe/cmd/pipe/internal/view"
	"github.com/pipe-ml/pipe/dag"
	"github.com/pipe-ml/pipe/pipelines"
)

// pretend makes each output of what the request says, so that a large study has results in no time.
type pretend struct{}

func (pretend) Run(_ context.Context, req dag.Job, _ func(string), _ func(dag.WorkerEvent)) error {
	h := sha256.New()
	fmt.Fprintf(h, "%s %s", req.Type, req.Config)
	for _, name := range []string{"data", "model", "runs", "tokens", "images"} {
		in := req.Inputs[name]
		for _, path := range append([]string{in.Path}, memberPaths(in)...) {
			if text, err := os.ReadFile(path); err == nil {
				h.Write(text)
			}
		}
	}
	for name, path := range req.Outputs {
		if err := os.WriteFile(path, fmt.Appendf(nil, "%s %x\n", name, h.Sum(nil)), 0o666); err != nil {
			return err
		}
	}
	return nil
}

func (pretend) Close() error { return nil }

func memberPaths(in dag.InputPaths) []string {
	var paths []string
	for _, m := range in.Members {
		paths = append(paths, m.Path)
	}
	return paths
}

var (
	estimated = regexp.MustCompile(`cached\. (About|At least) .*`) // how long the work would take depends on the machine
	line      = regexp.MustCompile(`\.hcl:\d+\)`)
)

// The shipped study is large: a plan after a small edit must stay a few lines.
func TestThePlanOfAnEditedStudyIsShort(t *testing.T) {
	source, err := os.ReadFile("../../pipelines/chestxray.hcl")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	t.Chdir(dir)
	store, err := dag.Open(filepath.Join(dir, "store"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	engine := &dag.Engine{Store: store, Root: dir, Executor: pretend{}}
	graph := func(edits ...string) *dag.Graph {
		text := strings.NewReplacer(edits...).Replace(string(source))
		if err := os.WriteFile("chestxray.hcl", []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		p, diags := pipelines.Load("chestxray.hcl", nil)
		x, more := p.Expand()
		if diags = append(diags, more...); diags.HasErrors() {
			t.Fatal(diags)
		}
		g, err := dag.New(x.Nodes)
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	const seed = "}\n\nstage \"evaluate\" \"classifier\""
	option := func(rank int) []string {
		return []string{seed, fmt.Sprintf("  options = each.method == \"lora\" ? {\n    rank = %d\n  } : {}\n", rank) + seed}
	}
	if sum, err := engine.Apply(t.Context(), graph(option(8)...), nil, dag.ApplyOptions{}, nil); err != nil || sum.Failed > 0 {
		t.Fatal(sum, err)
	}
	show := func(g *dag.Graph) string {
		p, err := engine.Plan(t.Context(), g, nil, dag.PlanOptions{})
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		h := view.NewHuman(&out, &out, view.Style{}, nil)
		h.Plan(p, "")
		h.Causes(p)
		x, err := engine.Why(t.Context(), g, "table.classifier")
		if err != nil {
			t.Fatal(err)
		}
		x.Last = nil // its times are those of this test
		h.Why([]*dag.Explanation{x})
		return line.ReplaceAllString(estimated.ReplaceAllString(out.String(), "cached."), ".hcl:N)")
	}
	change := func(more ...string) *dag.Graph { return graph(append(option(8), more...)...) }
	for _, c := range []struct {
		name  string
		graph *dag.Graph
		only  string // applied before
		want  string
	}{
		{"option of one method", graph(option(16)...), "", `
  ~ finetune.classifier[method=lora,*]   12 to run   options.rank: 8 -> 16 (chestxray.hcl:N)
  ? evaluate.classifier[method=lora,*]   12 maybe    skipped if finetune.classifier is unchanged
  ? figure.data_volume[*]                2 maybe     skipped if evaluate.classifier is unchanged
  ? figure.parameters[*]                 2 maybe     skipped if evaluate.classifier is unchanged
  ? table.classifier                     1 maybe     skipped if evaluate.classifier is unchanged
  = everything else                      168 cached
Plan: 12 to run, 17 maybe, 168 cached.
1 root cause:
  ~ finetune.classifier[method=lora,*]   12 to run, 17 may follow   options.rank: 8 -> 16 (chestxray.hcl:N)
Plan: 12 to run, 17 maybe, 168 cached.
table.classifier may run: skipped if evaluate.classifier is unchanged
  ~ 12 x input runs waits for evaluate.classifier, which may have to run since finetune.classifier: options.rank: 8 -> 16 (chestxray.hcl:N)
`},
		{"seeds that all differ", change("seed     = each.seed\n", "seed     = each.seed * 100 + 10 * length(each.method) + each.fraction * 100\n"), "", `
  ~ finetune.classifier[*]   84 to run   seed changed (chestxray.hcl:N)
  ? evaluate.classifier[*]   84 maybe    skipped if finetune.classifier is unchanged
  ? figure.data_volume[*]    2 maybe     skipped if evaluate.classifier is unchanged
  ? figure.parameters[*]     2 maybe     skipped if evaluate.classifier is unchanged
  ? table.classifier         1 maybe     skipped if evaluate.classifier is unchanged
  = everything else          24 cached
Plan: 84 to run, 89 maybe, 24 cached.
1 root cause:
  ~ finetune.classifier[*]   84 to run, 89 may follow   seed changed (chestxray.hcl:N)
Plan: 84 to run, 89 maybe, 24 cached.
table.classifier may run: skipped if evaluate.classifier is unchanged
  ~ 84 x input runs waits for evaluate.classifier, which may have to run since finetune.classifier: seed: 0 -> 42 (chestxray.hcl:N); 23 other reasons: see pipe why evaluate.classifier
`},
		{"a method less", change(`"lora", "adaptformer"`, `"adaptformer"`), "", `
  ~ figure.data_volume[*]   2 to run   input runs changed: 6 removed (chestxray.hcl:N)
  ~ figure.parameters[*]    2 to run   input runs changed: 6 removed (chestxray.hcl:N)
  ~ table.classifier        1 to run   input runs changed: 12 removed (chestxray.hcl:N)
  = everything else         168 cached
Plan: 5 to run, 0 maybe, 168 cached.
3 root causes:
  ~ figure.data_volume[*]   2 to run   input runs changed: 6 removed (chestxray.hcl:N)
  ~ figure.parameters[*]    2 to run   input runs changed: 6 removed (chestxray.hcl:N)
  ~ table.classifier        1 to run   input runs changed: 12 removed (chestxray.hcl:N)
Plan: 5 to run, 0 maybe, 168 cached.
table.classifier will run
  ~ input runs changed: backbone=resnet10_64,method=lora,fraction=0.02,seed=0, backbone=resnet10_64,method=lora,fraction=0.02,seed=1 and 10 more removed (chestxray.hcl:N)
      - backbone=resnet10_64,method=lora,fraction=0.02,seed=0
      - backbone=resnet10_64,method=lora,fraction=0.02,seed=1
      - backbone=resnet10_64,method=lora,fraction=0.1,seed=0
      - backbone=resnet10_64,method=lora,fraction=0.1,seed=1
      - backbone=resnet10_64,method=lora,fraction=1,seed=0
      - backbone=resnet10_64,method=lora,fraction=1,seed=1
      - backbone=vit_micro_convstem_64,method=lora,fraction=0.02,seed=0
      - backbone=vit_micro_convstem_64,method=lora,fraction=0.02,seed=1
      - backbone=vit_micro_convstem_64,method=lora,fraction=0.1,seed=0
      - backbone=vit_micro_convstem_64,method=lora,fraction=0.1,seed=1
      - backbone=vit_micro_convstem_64,method=lora,fraction=1,seed=0
      - backbone=vit_micro_convstem_64,method=lora,fraction=1,seed=1
`},
		{"models that were made before", graph(option(32)...), "finetune.classifier", `
  ~ evaluate.classifier[method=lora,*]   12 to run   input model changed: other bytes from finetune.classifier.model, since options.rank: 8 -> 32 (chestxray.hcl:N)
  ? figure.data_volume[*]                2 maybe     skipped if evaluate.classifier is unchanged
  ? figure.parameters[*]                 2 maybe     skipped if evaluate.classifier is unchanged
  ? table.classifier                     1 maybe     skipped if evaluate.classifier is unchanged
  = everything else                      180 cached
Plan: 12 to run, 5 maybe, 180 cached.
1 root cause:
  ~ evaluate.classifier[method=lora,*]   12 to run, 5 may follow   input model changed: other bytes from finetune.classifier.model, since options.rank: 8 -> 32 (chestxray.hcl:N)
Plan: 12 to run, 5 maybe, 180 cached.
table.classifier may run: skipped if evaluate.classifier is unchanged
  ~ 12 x input runs waits for evaluate.classifier, which has to run: input model changed: other bytes from finetune.classifier.model, since options.rank: 8 -> 32 (chestxray.hcl:N)
`},
	} {
		if c.only != "" {
			selected, err := pipelines.Resolve(c.graph.Nodes(), c.only)
			if err != nil {
				t.Fatal(err)
			}
			opts := dag.ApplyOptions{}
			for _, n := range selected {
				opts.Target = append(opts.Target, n.Address)
			}
			if _, err := engine.Apply(t.Context(), c.graph, nil, opts, nil); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(c.want, "\n"+show(c.graph)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}
