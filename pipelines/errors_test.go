package pipelines

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
)

// doubled finds a sentence that ends twice.
var doubled = regexp.MustCompile(`[a-z)"]\.\.(\s|$)|\?\.(\s|$)`)

// remedy finds the sentence that says what to do: a suggestion, the choices, an instruction, or what a value must be.
var remedy = regexp.MustCompile(`[Dd]id you mean|Known: |must (be|give|sum) |out of bounds: (from|at) |Expected |(^|[.:?;,] |\n|and )(Is axis|Write|Exclude|exclude|Switch|Copy|make a|write|see|shorten|See|write|Take|take|Give|give|Put|Use|use|Add|Set|Choose|Read|Refer|Leave|Copy|put|Move|Name|Declare|Download|Keep|Make|Pass|Change|Split|See|Correct|Generate|name one|leave)\b`)

// Each file in testdata/errors says in comments what is wrong on which line: "# ERR pattern" expects a
// diagnostic on that line whose text, "Summary: Detail", the pattern matches from the beginning. Nothing
// else may be reported, and all of it must be, at once and in the order of the lines.
func TestEveryMistakeIsToldAtItsLineWithARemedy(t *testing.T) {
	files, err := filepath.Glob("testdata/errors/*.hcl")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	cases := 0
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".hcl"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want := map[int][]string{}
			for i, line := range strings.Split(string(text), "\n") {
				for _, pattern := range strings.Split(line, "# ERR ")[1:] {
					want[i+1] = append(want[i+1], strings.TrimSpace(pattern))
					cases++
				}
			}
			last := 0
			for _, d := range loadAndExpand(file) {
				if d.Subject == nil {
					t.Errorf("without a place: %s", d.Error())
					continue
				}
				line := d.Subject.Start.Line
				if line < last {
					t.Errorf("line %d is told after line %d", line, last)
				}
				last = line
				got := d.Summary + ": " + d.Detail
				if !remedy.MatchString(d.Detail) {
					t.Errorf("line %d: no remedy: %s", line, got)
				}
				if d.Subject.Filename != file {
					t.Errorf("line %d: told of file %s", line, d.Subject.Filename)
				}
				if doubled.MatchString(got) {
					t.Errorf("line %d: two full stops: %s", line, got)
				}
				if i := matching(want[line], got); i >= 0 {
					want[line] = append(want[line][:i:i], want[line][i+1:]...)
				} else {
					t.Errorf("line %d: not expected: %s", line, got)
				}
			}
			for line, patterns := range want {
				for _, p := range patterns {
					t.Errorf("line %d: missing: %s", line, p)
				}
			}
		})
	}
	if cases < 25 {
		t.Errorf("only %d cases", cases)
	}
}

func matching(patterns []string, text string) int {
	for i, p := range patterns {
		if regexp.MustCompile("^(?:" + p + ")").MatchString(text) {
			return i
		}
	}
	return -1
}

func loadAndExpand(path string, settings ...Setting) hcl.Diagnostics {
	p, diags := Load(path, settings)
	_, more := p.Expand()
	return SortDiagnostics(append(diags, more...))
}

func TestSettingsFromOutsideAreChecked(t *testing.T) {
	const text = `
variable "data" { type = string }
variable "seeds" {
  type    = list(number)
  default = [0]
}
variable "secret" {
  default   = "x"
  sensitive = true
  validation {
    condition     = length(var.secret) > 3
    error_message = "Too short."
  }
}
`
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	file := write("p.hcl", text)
	vars := write("v.vars", "data = \"x\"\nsedes = [1]\n")
	secret := Setting{Name: "secret", Text: "long enough", Origin: "-var"}
	data := Setting{Name: "data", Text: "x", Origin: "-var"}
	for _, c := range []struct {
		settings []Setting
		want     string // "" for none
	}{
		{[]Setting{data, secret}, ""},
		{[]Setting{data, secret, {Name: "sedes", Text: "1", Origin: "-var"}}, `Unknown variable.*-var sets sedes.*Did you mean "seeds"`},
		{[]Setting{data, secret, {Name: "other", Text: "1", Origin: "PIPE_VAR_other", Lenient: true}}, ""},
		{[]Setting{data, secret, {Name: "seeds", Text: "[1,", Origin: "-var"}}, `which is not an expression.*need quotes for the shell`},
		{[]Setting{data, secret, {Name: "seeds", Text: `["a"]`, Origin: "PIPE_VAR_seeds"}}, `The value given by PIPE_VAR_seeds of variable "seeds" must be list\(number\)`},
		{[]Setting{secret, {File: vars}}, `v.vars:2.*No variable is called "sedes". Did you mean "seeds"`},
		{[]Setting{secret, {File: filepath.Join(dir, "none.vars")}, data}, `Cannot read the var-file`},
		{[]Setting{data, {Name: "secret", Text: "abc", Origin: "-var"}}, `Too short\.\nvar\.secret is \(sensitive\)`},
	} {
		diags := loadAndExpand(file, c.settings...)
		got := ""
		for _, d := range diags {
			got += d.Error() + "\n"
		}
		if c.want == "" && got != "" || c.want != "" && !regexp.MustCompile("(?s)"+c.want).MatchString(got) {
			t.Errorf("%+v:\ngot  %s\nwant %s", c.settings, got, c.want)
		}
	}
}

func TestABadSettingIsToldOnceAndInWords(t *testing.T) {
	file := filepath.Join(t.TempDir(), "p.hcl")
	text := "variable \"b\" { type = bool }\nvariable \"n\" { type = number }\nvariable \"s\" {\n  type      = number\n  sensitive = true\n}\n"
	if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range loadAndExpand(file, Setting{Name: "b", Text: "maybe", Origin: "-var"},
		Setting{Name: "n", Text: "1 +", Origin: "-var"}, Setting{Name: "s", Text: "secret", Origin: "-var"}) {
		got = append(got, d.Detail)
	}
	want := []string{`-var: variable "b" must be true or false, not maybe.`, `-var: variable "n" must be a number, not 1 +.`,
		`-var: variable "s" must be a number, not this (sensitive).`}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestASourceThatIsNotThereIsExplained(t *testing.T) {
	empty := t.TempDir()
	for path, want := range map[string]string{
		"chestxry": `Did you mean "chestxray"`,
		empty:      "holds no .hcl file",
	} {
		diags := loadAndExpand(path)
		if len(diags) != 1 || !strings.Contains(diags[0].Detail, want) {
			t.Errorf("%s: got %v, want %s", path, diags, want)
		}
	}
}

func TestDiagnosticsAreSortedAndToldOnce(t *testing.T) {
	at := func(file string, line int) hcl.Range {
		return hcl.Range{Filename: file, Start: hcl.Pos{Line: line, Byte: line * 100}, End: hcl.Pos{Line: line, Byte: line*100 + 1}}
	}
	var diags hcl.Diagnostics
	for _, line := range []int{5, 2, 5} {
		diags = append(diags, mistake(at("b", line), "S", "d"))
	}
	diags = append(diags, mistake(at("a", 9), "S", "d"), &hcl.Diagnostic{Summary: "no place"})
	var got []string
	for _, d := range SortDiagnostics(diags) {
		if d.Subject == nil {
			got = append(got, "-")
			continue
		}
		got = append(got, fmt.Sprintf("%s:%d", d.Subject.Filename, d.Subject.Start.Line))
	}
	if text := strings.Join(got, " "); text != "- a:9 b:2 b:5" {
		t.Errorf("got %s", text)
	}
}
