package view

import (
	"bytes"
	"strings"
	"testing"

	"github.com/pipe-ml/pipe/pipelines"
)

func diagnostics(t *testing.T, text string, style Style) string {
	t.Helper()
	p, diags := pipelines.LoadSource(pipelines.Source{Files: []pipelines.File{{Name: "p.hcl", Text: []byte(text)}}, Dir: t.TempDir()}, nil)
	_, more := p.Expand()
	var out, err bytes.Buffer
	NewHuman(&out, &err, style, nil).Diagnostics(pipelines.SortDiagnostics(append(diags, more...)), p.Files())
	if out.Len() > 0 {
		t.Errorf("diagnostics do not belong to the results: %s", out.String())
	}
	return err.String()
}

func TestADiagnosticShowsPlaceSourceValuesAndRemedy(t *testing.T) {
	got := diagnostics(t, `
variable "token" {
  default   = "hush"
  sensitive = true
}
stage "command" "a" {
  matrix  = { rate = [0.1] }
  outputs = { out = "x" }
  command = ["x"]
  env = {
    A = each.rate
    B = var.token == "hush" ? 2 : 3
  }
}
`, Style{})
	want := `╷ Error: Invalid value
│   on p.hcl line 11:
│   11:     A = each.rate
│         each.rate is 0.1
│         var.token is (sensitive)
│
│ env.A: must be a string, not 0.1.
╵
╷ Error: Invalid value
│   on p.hcl line 12:
│   12:     B = var.token == "hush" ? 2 : 3
│         each.rate is 0.1
│         var.token is (sensitive)
│
│ env.B: must be a string, not 2.
╵
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestADiagnosticShowsNoValueThatIsItsName(t *testing.T) {
	got := diagnostics(t, `
stage "pretrain" "net" {
  model = "resnet10_64"
  data  = "phantom://chestxray"
}
stage "sample" "x" {
  model   = pretrain.net.model
  prompts = ["a"]
}
`, Style{})
	if strings.Contains(got, "pretrain.net.model is ") || !strings.Contains(got, "it is a classifier") {
		t.Error(got)
	}
}

func TestADiagnosticUnderlinesItsSubjectInColour(t *testing.T) {
	got := diagnostics(t, "stage \"comand\" \"a\" {\n}\n", Style{Color: true})
	if !strings.Contains(got, "stage \x1b[4m\"comand\"\x1b[0m \"a\" {") {
		t.Errorf("not underlined: %q", got)
	}
}

func TestALongSubjectIsCut(t *testing.T) {
	got := diagnostics(t, "stage \"command\" \"a\" {\n  command = [\"x\"]\n  outputs = [\n"+strings.Repeat("    1,\n", 30)+"  ]\n}\n", Style{})
	if n := strings.Count(got, "    1,"); n == 0 || n > mostLines {
		t.Errorf("%d lines of source:\n%s", n, got)
	}
}
