package pipelines

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pipe-ml/pipe/dag"
)

// writeFiles makes a folder with these files and returns it.
func writeFiles(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// node finds an instance by its address.
func node(t testing.TB, x *Expansion, address string) *dag.Node {
	t.Helper()
	for _, n := range x.Nodes {
		if n.Address == address {
			return n
		}
	}
	t.Fatalf("no instance %s among %v", address, addresses(x))
	return nil
}

func addresses(x *Expansion) []string {
	var list []string
	for _, n := range x.Nodes {
		list = append(list, n.Address)
	}
	return list
}

// reads writes what an instance reads.
func reads(n *dag.Node) string {
	var list []string
	for _, in := range n.Inputs {
		switch {
		case in.From != nil:
			list = append(list, in.Name+"="+in.From.Address+"."+in.From.Output)
		case in.Group != "":
			list = append(list, in.Name+"="+in.Group)
		default:
			list = append(list, in.Name+"="+filepath.Base(in.Path))
		}
	}
	return strings.Join(list, " ")
}

func TestAModulesStagesAreInlinedUnderItsAddress(t *testing.T) {
	dir := writeFiles(t, map[string]string{
		"main.hcl": `
locals { seeds = [0, 1] }
stage "src" "raw" {
  matrix = { site = ["a", "b"] }
  source = "phantom://${each.site}"
}
module "tune" {
  source = "./learn"
  images = src.raw.images
  cells  = { site = ["a", "b"], seed = local.seeds }
}
stage "train" "on" {
  matrix = module.tune.model.matrix
  data   = src.raw.images
  start  = module.tune.model
  method = "on-${module.tune.name}"
  seed   = each.seed
}
stage "report" "site" {
  matrix = { site = ["a", "b"] }
  runs   = all.module.tune.log
}
output "site" {
  matrix = report.site.matrix
  value  = report.site.report
  path   = "figures/${each.site}.svg"
}
`,
		"learn/stages.hcl": `
variable "images" { description = "what to learn from" }
variable "cells" { type = object({ site = list(string), seed = list(number) }) }
variable "name" { default = "small" }
stage "train" "net" {
  matrix = var.cells
  data   = var.images
  method = var.name
  seed   = each.seed
}
stage "report" "all" { runs = all.train.net.log }
output "model" { value = train.net.weights }
output "log" { value = train.net.log }
output "name" { value = "${var.name}er" }
output "report" {
  value = report.all.report
  path  = "figures/all.svg"
}
`})
	x := expand(t, filepath.Join(dir, "main.hcl"))
	want := []string{
		`src.raw["a"]`, `src.raw["b"]`,
		`module.tune.train.net["a",0]`, `module.tune.train.net["a",1]`, `module.tune.train.net["b",0]`, `module.tune.train.net["b",1]`,
		`all.module.tune.train.net.log`, `module.tune.report.all`,
		`train.on["a",0]`, `train.on["a",1]`, `train.on["b",0]`, `train.on["b",1]`,
		`all.module.tune.train.net.log[site=a]`, `report.site["a"]`, `all.module.tune.train.net.log[site=b]`, `report.site["b"]`,
	}
	if diff := cmp.Diff(want, addresses(x)); diff != "" {
		t.Errorf("addresses: %s", diff)
	}
	for address, want := range map[string]string{
		`module.tune.train.net["b",1]`: `data=src.raw["b"].images`,
		`train.on["b",1]`:              `data=src.raw["b"].images start=module.tune.train.net["b",1].weights`,
		`report.site["b"]`:             `runs=all.module.tune.train.net.log[site=b]`,
	} {
		if got := reads(node(t, x, address)); got != want {
			t.Errorf("%s reads %s, want %s", address, got, want)
		}
	}
	if got := node(t, x, `train.on["a",0]`).Config["method"]; got != "on-smaller" {
		t.Errorf("a plain output gave %v", got)
	}
	var published []string
	for _, pub := range x.Publications {
		published = append(published, pub.Name+" "+pub.Ref.Address+" "+filepath.Base(pub.Path))
	}
	if diff := cmp.Diff([]string{
		`module.tune.report module.tune.report.all all.svg`, `site[site=a] report.site["a"] a.svg`, `site[site=b] report.site["b"] b.svg`,
	}, published); diff != "" {
		t.Errorf("publications: %s", diff)
	}
	for text, want := range map[string]int{`module.tune`: 5, `module.tune.train.net`: 4, `module.tune.train.net[seed=1]`: 2, `module.tune.train.net["a",*]`: 2, `train.on`: 4} {
		nodes, err := Resolve(x.Nodes, text)
		if err != nil || len(nodes) != want {
			t.Errorf("%s: %d instances, want %d (%v)", text, len(nodes), want, err)
		}
	}
	for text, want := range map[string]string{
		`module.tone`:                  `no module is called module.tone, or it has no instance. Did you mean "module.tune"?`,
		`module.tune[seed=1]`:          `a module has no axes`,
		`module.tune.train`:            `is not an address`,
		`module.tune.train.nat`:        `Did you mean "module.tune.train.net"?`,
		`module.tune.train.net[sed=1]`: `Did you mean "seed"?`,
	} {
		if _, err := Resolve(x.Nodes, text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}

func TestModulesNestAndMayShareASource(t *testing.T) {
	dir := writeFiles(t, map[string]string{
		"main.hcl": `
variable "secret" {
  default   = "hush-hush"
  sensitive = true
}
module "a" {
  source = "./outer"
  name   = "x"
  data   = "phantom://a"
}
module "b" {
  source = "./outer"
  name   = var.secret
  data   = module.a.images
}
`,
		"outer/o.hcl": `
variable "name" {}
variable "data" {}
stage "src" "raw" {
  source = var.data
}
module "inner" {
  source = "../inner"
  method = "in-${var.name}"
  images = src.raw.images
  start  = var.name == "x" ? null : module.twin.model
}
module "twin" {
  source = "../inner"
  method = "twin"
  images = src.raw.images
}
output "images" { value = src.raw.note }
`,
		"inner/i.hcl": `
variable "method" {}
variable "images" {}
variable "start" { default = null }
stage "train" "net" {
  data   = var.images
  method = var.method
  start  = var.start
}
output "model" { value = train.net.weights }
`})
	p, diags := Load(filepath.Join(dir, "main.hcl"), nil)
	x, more := p.Expand()
	if diags = append(diags, more...); len(diags) > 0 {
		t.Fatal(diags)
	}
	var got []string
	for _, n := range x.Nodes {
		got = append(got, strings.TrimSpace(n.Address+" "+reads(n)))
	}
	if diff := cmp.Diff([]string{
		"module.a.src.raw",
		"module.a.module.inner.train.net data=module.a.src.raw.images",
		"module.a.module.twin.train.net data=module.a.src.raw.images",
		"module.b.src.raw source=module.a.src.raw.note",
		"module.b.module.inner.train.net data=module.b.src.raw.images start=module.b.module.twin.train.net.weights",
		"module.b.module.twin.train.net data=module.b.src.raw.images",
	}, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]Module{
		{"module.a", "./outer"}, {"module.a.module.inner", "../inner"}, {"module.a.module.twin", "../inner"},
		{"module.b", "./outer"}, {"module.b.module.inner", "../inner"}, {"module.b.module.twin", "../inner"},
	}, p.Modules()); diff != "" {
		t.Error(diff)
	}
	secrets := p.Secrets()
	sort.Strings(secrets)
	if text := fmt.Sprint(secrets); !strings.Contains(text, "in-hush-hush") {
		t.Errorf("the value of a sensitive variable is not secret in the module: %s", text)
	}
}

// Paths in a module's files mean what lies beside them; an argument may be a path of the file that sets it.
func TestPathsInAModuleAreRelativeToItsFolder(t *testing.T) {
	dir := writeFiles(t, map[string]string{
		"main.hcl":        `module "m" {` + "\n  source = \"./sub\"\n  other = \"data.csv\"\n}\n",
		"data.csv":        "1\n",
		"sub/m.hcl":       "variable \"other\" {}\nstage \"command\" \"c\" {\n  code = [\"run.py\"]\n  inputs = { mine = \"own.csv\", theirs = var.other }\n  outputs = { out = \"o\" }\n  params = { text = file(\"note.txt\") }\n  command = [\"python3\", \"run.py\"]\n}\n",
		"sub/run.py":      "pass\n",
		"sub/own.csv":     "2\n",
		"sub/note.txt":    "note",
		"elsewhere/x.txt": "",
	})
	n := node(t, expand(t, filepath.Join(dir, "main.hcl")), "module.m.command.c")
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		t.Fatal(err)
	}
	if n.Root != filepath.Join(real, "sub") || fmt.Sprint(n.Code) != "[run.py]" {
		t.Errorf("code %v in %s", n.Code, n.Root)
	}
	if got := fmt.Sprint(n.Config["params"]); got != "map[text:note]" {
		t.Errorf("params %s", got)
	}
	for _, in := range n.Inputs {
		if text, err := os.ReadFile(in.Path); err != nil || string(text) != map[string]string{"mine": "2\n", "theirs": "1\n"}[in.Name] {
			t.Errorf("%s is %s (%v)", in.Name, in.Path, err)
		}
	}
}
