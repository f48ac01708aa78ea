package pipelines

import (
	"os"
	"path/filepath"
	"testing"
)

// FuzzFrontEnd: no text makes the front end panic, every error has a place, and reading twice says the same.
func FuzzFrontEnd(f *testing.F) {
	for _, pattern := range []string{"testdata/*/*.hcl", "*.hcl"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(string(text))
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
	} {
		f.Add(text)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		read := func() string {
			p, diags := LoadSource(Source{Files: []File{{"fuzz.hcl", []byte(text)}}, Dir: dir}, nil)
			_, more := p.Expand()
			diags = SortDiagnostics(append(diags, more...))
			all := ""
			for _, d := range diags {
				if d.Subject == nil {
					t.Errorf("without a place: %s", d.Error())
				}
				all += d.Error() + "\n"
			}
			return all
		}
		if first, second := read(), read(); first != second {
			t.Errorf("first\n%s\nthen\n%s", first, second)
		}
	})
}
