package pipelines

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pipe-ml/pipe/dag"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// Each testdata/expand/NAME.hcl is expanded, and its nodes and publications are compared with NAME.json.
func TestExpansionMatchesItsGoldenFile(t *testing.T) {
	files, err := filepath.Glob("testdata/expand/*.hcl")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".hcl"), func(t *testing.T) {
			got, err := json.MarshalIndent(expand(t, file), "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			got = append(bytes.ReplaceAll(got, []byte(here), []byte("$HERE")), '\n')
			golden := strings.TrimSuffix(file, ".hcl") + ".json"
			if *update {
				if err := os.WriteFile(golden, got, 0o666); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("-want +got (rewrite with -update):\n%s", diff)
			}
		})
	}
}

func expand(t testing.TB, path string, settings ...Setting) *Expansion {
	t.Helper()
	p, diags := Load(path, settings)
	x, more := p.Expand()
	for _, d := range append(diags, more...) {
		t.Errorf("%s", d.Error())
	}
	if t.Failed() {
		t.FailNow()
	}
	return x
}

func expandText(t testing.TB, text string, settings ...Setting) *Expansion {
	t.Helper()
	path := filepath.Join(t.TempDir(), "p.hcl")
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return expand(t, path, settings...)
}

func TestExpansionIsTheSameEveryTime(t *testing.T) {
	first := expand(t, "testdata/expand/study.hcl")
	for range 10 {
		if diff := cmp.Diff(first, expand(t, "testdata/expand/study.hcl")); diff != "" {
			t.Fatal(diff)
		}
	}
}

func TestAPathOrAnArtifactMayBeChosenByAVariable(t *testing.T) {
	const text = `
variable "backbone" {
  type    = string
  default = null
}
stage "train" "base" {
  enabled = var.backbone == null
  data    = "phantom://x"
  method  = "scratch"
}
stage "train" "tuned" {
  data   = "phantom://x"
  method = "lora"
  start  = var.backbone == null ? train.base.weights : var.backbone
}
stage "train" "other" {
  data   = "phantom://x"
  method = "lora"
  start  = coalesce(var.backbone, train.base.weights)
}
`
	x := expandText(t, text)
	if got := fmt.Sprint(len(x.Nodes), *x.Nodes[1].Inputs[0].From, *x.Nodes[2].Inputs[0].From); got != "3 {train.base weights} {train.base weights}" {
		t.Errorf("without a backbone: %s", got)
	}
	dir := t.TempDir()
	x = expandText(t, text, Setting{Name: "backbone", Text: dir, Origin: "-var"})
	if len(x.Nodes) != 2 || x.Nodes[0].Inputs[0].Path != dir || x.Nodes[1].Inputs[0].Path != dir {
		t.Errorf("with a backbone: %+v", x.Nodes)
	}
}

func TestAnOutputMayPublishSeveralFormats(t *testing.T) {
	x := expandText(t, `
stage "src" "s" {
  matrix = { size = [8, 16] }
  source = "phantom://x"
  size   = each.size
}
output "s" {
  matrix = { size = [16], format = ["dir", "txt"] }
  value  = { dir = src.s.images, txt = src.s.note }[each.format]
  path   = "figures/${each.size}.${each.format}"
}
`)
	var got []string
	for _, pub := range x.Publications {
		got = append(got, fmt.Sprint(pub.Name, " ", pub.Ref, " ", filepath.Base(pub.Path)))
	}
	want := []string{"s[size=16,format=dir] {src.s[16] images} 16.dir", "s[size=16,format=txt] {src.s[16] note} 16.txt"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestMatrixIncludeAndExcludeMakeTheseCells(t *testing.T) {
	x := expandText(t, `
stage "train" "m" {
  matrix  = { method = ["a", "b"], seed = [0, 1], fast = [true] }
  exclude = [{ method = "b", seed = 0 }]
  include = [{ method = "c", seed = 9, fast = false }, { method = "a", seed = 0, fast = true }]
  data    = "phantom://x"
  method  = each.method
  seed    = each.seed
}`)
	var got []string
	for _, n := range x.Nodes {
		got = append(got, n.Address)
	}
	want := []string{`train.m["a",0,true]`, `train.m["a",1,true]`, `train.m["b",1,true]`, `train.m["c",9,false]`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAGroupIsOneVertexForAllItsReaders(t *testing.T) {
	x := expandText(t, `
stage "train" "m" {
  matrix = { method = ["a", "b"], seed = [0, 1, 2] }
  data   = "phantom://x"
  method = each.method
}
stage "report" "by_method" {
  matrix = { method = ["b", "a"], page = [1, 2] }
  runs   = all.train.m.log
}
stage "report" "every" {
  runs = all.train.m.log
}`)
	groups := map[string]int{}
	readers := map[string]int{}
	for _, n := range x.Nodes {
		if n.Group != nil {
			groups[n.Address] = len(n.Group)
		}
		for _, in := range n.Inputs {
			if in.Group != "" {
				readers[in.Group]++
			}
		}
	}
	want := map[string]int{"all.train.m.log[method=a]": 3, "all.train.m.log[method=b]": 3, "all.train.m.log": 6}
	if diff := cmp.Diff(want, groups); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]int{"all.train.m.log[method=a]": 2, "all.train.m.log[method=b]": 2, "all.train.m.log": 1}, readers); diff != "" {
		t.Error(diff)
	}
}

// sweep is a pipeline with about n instances: train and a reader for each, and reports over them.
func sweep(n int) string {
	return fmt.Sprintf(`
locals { methods = ["a", "b", "c", "d", "e"] }
stage "src" "raw" { source = "phantom://x" }
stage "train" "base" {
  matrix = { method = local.methods }
  data   = src.raw.images
  method = each.method
}
stage "train" "m" {
  matrix = { method = local.methods, seed = range(0, %d) }
  data   = src.raw.images
  start  = train.base.weights
  method = each.method
  rate   = 0.1 * (1 + each.seed)
  seed   = each.seed
}
stage "train" "again" {
  matrix = train.m.matrix
  data   = src.raw.images
  start  = train.m.weights
  method = "again-${each.method}"
}
stage "report" "seed" {
  matrix = { seed = range(0, %d) }
  runs   = all.train.again.log
  title  = "seed ${each.seed}"
}`, n/10, n/10)
}

func TestTenThousandInstancesExpandInLinearTime(t *testing.T) {
	took := func(n int) time.Duration {
		start := time.Now()
		if x := expandText(t, sweep(n)); len(x.Nodes) < n {
			t.Fatalf("%d nodes", len(x.Nodes))
		}
		return time.Since(start)
	}
	small, large := took(1000), took(10000)
	t.Logf("1,000: %v, 10,000: %v", small, large)
	// Quadratic growth would be a hundredfold; the bound leaves room for a busy machine.
	if large > 40*small && large > 2*time.Second {
		t.Errorf("1,000 instances took %v, 10,000 took %v", small, large)
	}
}

func BenchmarkExpand(b *testing.B) {
	path := filepath.Join(b.TempDir(), "p.hcl")
	if err := os.WriteFile(path, []byte(sweep(10000)), 0o666); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		expand(b, path)
	}
}

func TestSelectorsMeanTheseInstances(t *testing.T) {
	x := expandText(t, `
stage "train" "m" {
  matrix = { method = ["lora", "full, all"], fraction = [0.1, 1], seed = [0, 1] }
  data   = "phantom://x"
  method = each.method
}
stage "train" "one" {
  data   = "phantom://x"
  method = "x"
}`)
	for text, want := range map[string]int{
		`train.m`:                                 8,
		`train.one`:                               1,
		`train.m["lora",0.1,0]`:                   1,
		`train.m["lora",*,0]`:                     2,
		`train.m[lora,0.10,0]`:                    1,
		`train.m[method=lora]`:                    4,
		`train.m[method=lora,*]`:                  4,
		`train.m[seed=1,fraction=1.0]`:            2,
		`train.m[ method = "full, all", seed=0 ]`: 2,
	} {
		nodes, err := Resolve(x.Nodes, text)
		if err != nil || len(nodes) != want {
			t.Errorf("%s: %d instances, want %d (%v)", text, len(nodes), want, err)
		}
	}
	for text, want := range map[string]string{
		`train`:                           `is not an address`,
		`train.mm`:                        `no stage is called train.mm. Did you mean "train.m"?`,
		`train.m[method=lroa]`:            `axis method has no value lroa. Did you mean "lora"?`,
		`train.m[mehtod=lora]`:            `it has no axis "mehtod". Did you mean "method"?`,
		`train.m["lora"]`:                 `it has 3 axes (method, fraction, seed), not 1`,
		`train.m[method=lora`:             `missing ]`,
		`train.m["lora]`:                  `unclosed quote`,
		`train.m[method=lora,0.1]`:        `mixes`,
		`train.m[]`:                       `empty value`,
		`train.one[seed=0]`:               `it has no axis "seed"`,
		`train.m[method=lora,fraction=2]`: `axis fraction has no value 2`,
	} {
		if _, err := Resolve(x.Nodes, text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
	for _, n := range x.Nodes {
		for _, address := range []string{n.Address, ReadableAddress(n.Stage, n.Axes)} {
			found, err := Resolve(x.Nodes, address)
			if err != nil || len(found) != 1 || found[0] != n {
				t.Errorf("%s does not mean its own instance: %v", address, err)
			}
		}
	}
}

func TestAnUnknownStageIsAnsweredWithEachKnownOneOnce(t *testing.T) {
	var nodes []*dag.Node
	for _, stage := range []string{"src.raw", "train.m", "src.raw", "train.m"} { // a stage's instances need not be together
		nodes = append(nodes, &dag.Node{Stage: stage})
	}
	if _, err := Resolve(nodes, "command.quite_another"); err == nil || !strings.HasSuffix(err.Error(), "Known: src.raw, train.m.") {
		t.Error(err)
	}
}

func TestAxisValuesKeepTheirText(t *testing.T) {
	x := expandText(t, `
stage "train" "m" {
  matrix = { v = [0.1, 1e-5, 100, -3, 0.30000000000000004, "x\"y", true] }
  data   = "phantom://x"
  method = "m${each.v}"
}`)
	var got []string
	for _, n := range x.Nodes {
		got = append(got, dagText(n))
	}
	want := []string{`train.m[0.1] m0.1`, `train.m[1e-05] m0.00001`, `train.m[100] m100`, `train.m[-3] m-3`,
		`train.m[0.30000000000000004] m0.30000000000000004`, `train.m["x\"y"] mx"y`, `train.m[true] mtrue`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func dagText(n *dag.Node) string { return fmt.Sprint(n.Address, " ", n.Config["method"]) }
