package pipelines

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// front reads a pipeline to the end and gives all that is said of it.
func front(t *testing.T, dir, text, variable string) string {
	t.Helper()
	p, diags := LoadSource(Source{Files: []File{{"fuzz.hcl", []byte(text)}}, Dir: dir}, []Setting{{Name: "v", Text: variable, Origin: "-var", Lenient: true}})
	x, more := p.Expand()
	diags = SortDiagnostics(append(diags, more...))
	all := ""
	for _, d := range diags {
		if d.Subject == nil {
			t.Errorf("without a place: %s", d.Error())
		}
		all += d.Error() + "\n"
	}
	for _, n := range x.Nodes {
		if n.Group != nil {
			continue
		}
		for _, address := range []string{n.Address, ReadableAddress(n.Stage, n.Axes)} {
			if found, err := Resolve(x.Nodes, address); err != nil || len(found) != 1 {
				t.Errorf("%s means %d instances (%v)", address, len(found), err)
			}
		}
		if len(x.Nodes) > 100 {
			break // resolving is linear, and one instance is as good as all
		}
	}
	_ = p.Secrets()
	return all
}

// FuzzLoad: no text makes the front end panic or take all memory, every mistake has a place, every instance is found by
// its address, and reading twice says the same.
func FuzzLoad(f *testing.F) {
	for _, pattern := range []string{"testdata/*/*.hcl", "*.hcl"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			if filepath.Base(file) == "limits.hcl" {
				continue // what runs into the limits takes its time, and so would all that is made of it
			}
			text, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(string(text), "x")
		}
	}
	for _, text := range []string{
		`stage "train" "a" { matrix = { x = [null, {}, 1e999] } }`,
		`stage "train" "a" { data = train["a"].weights }`,
		`stage "train" "a" { data = all }` + "\n" + `stage "report" "b" { runs = all.train.a.log[*].x }`,
		`stage "command" "a" { outputs = { (each.x) = "a", 1 = null } }`,
		`stage "command" "a" { command = [for k, v in input : v] }`,
		`locals { a = [for x in local.a : x] }`,
		`variable "a" { default = { for i in range(3) : i => i } }`,
		`output "a" { value = output.a.value }`,
		`stage "train" "a" { matrix = train.a.matrix }`,
		`variable "a" {}` + "\n" + `variable "b" {` + "\n  default = 1\n  validation {\n    condition = var.a > 1\n    error_message = var.a\n  }\n}",
		`stage "var" "x" {}` + "\n" + `stage "all" "var" { include = 5 }`,
		`variable "v" { type = list(number) }` + "\n" + `stage "train" "a" {` + "\n matrix = { s = var.v, m = [\"a\", \"b,]\"] }\n data = \"phantom://x\"\n method = each.m\n}",
		`module "a" { source = "./mod" }` + "\n" + `output "o" { value = module.a.o }`,
		`module "a" {` + "\n source = \"./mod\"\n in = module.a.o\n}\nstage \"train\" \"t\" {\n matrix = module.a.o.matrix\n data = all.module.a.o\n method = module.a.p[0]\n}",
		`module "a" {` + "\n source = \"./mod\"\n in = module.b.o\n}\nmodule \"b\" {\n source = \"./mod\"\n in = [module.a.p, sensitive(\"s\")]\n}",
		"locals {\n  b = [local.a, local.a]\n  c = [for x in local.b : [for y in x : y]]\n  a = range(5)\n}",
	} {
		f.Add(text, "[1, 2]")
	}
	dir := f.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "mod"), 0o777); err != nil {
		f.Fatal(err)
	}
	const mod = "variable \"in\" { default = null }\nstage \"train\" \"t\" {\n matrix = { s = [1, 2] }\n data = var.in == null ? \"phantom://x\" : var.in\n method = \"m\"\n}\noutput \"o\" { value = train.t.weights }\noutput \"p\" { value = [1, var.in] }\n"
	if err := os.WriteFile(filepath.Join(dir, "mod", "m.hcl"), []byte(mod), 0o666); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text, variable string) {
		if first, second := front(t, dir, text, variable), front(t, dir, text, variable); first != second {
			t.Errorf("first\n%s\nthen\n%s", first, second)
		}
	})
}

// FuzzSelector: no text makes the reading of addresses panic, and what is read means what it says.
func FuzzSelector(f *testing.F) {
	for _, text := range []string{`train.m`, `train.m["lora",0.1,*]`, `train.m[method=lora,*]`, `module.a.module.b.train.m[x="a,b"]`, `module.x`, `train.m["\"",]`, `..[`} {
		f.Add(text)
	}
	nodes := expandText(f, `
stage "train" "m" {
  matrix = { method = ["lora", "full, all", "\"]="], fraction = [0.1, 1], on = [true] }
  data   = "phantom://x"
  method = each.method
}`).Nodes
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSelector(text)
		found, why := Resolve(nodes, text)
		if err != nil && why == nil || why == nil && len(found) == 0 {
			t.Errorf("%q: %v, but %d instances (%v)", text, err, len(found), why)
		}
		for _, n := range found {
			if !s.Match(n) {
				t.Errorf("%q found %s and does not match it", text, n.Address)
			}
		}
	})
}

// FuzzFormat: formatting never makes a mistake of sound text, and comes to an end.
func FuzzFormat(f *testing.F) {
	f.Add("locals {\na=1\n bcd   = [1,\n2]\n}\n")
	f.Add("a = <<-E\n  x ${ 1+1 }\n  E\n")
	f.Fuzz(func(t *testing.T, text string) {
		once, _, diags := Format("fuzz.hcl", []byte(text))
		if diags.HasErrors() {
			return
		}
		if twice, _, diags := Format("fuzz.hcl", once); diags.HasErrors() {
			t.Errorf("formatting made a mistake of it: %s\n%q", diags, once)
		} else if again, _, _ := Format("fuzz.hcl", twice); !bytes.Equal(twice, again) {
			t.Errorf("formatting does not come to an end:\n%q\n%q", twice, again)
		}
	})
}
