package view

import (
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/pipe-ml/pipe/pipelines"
)

// validation is what "terraform validate -json" writes, so that editors and continuous integration that read it can
// read this: https://developer.hashicorp.com/terraform/cli/commands/validate#json-output-format.
type validation struct {
	FormatVersion string       `json:"format_version"`
	Valid         bool         `json:"valid"`
	Errors        int          `json:"error_count"`
	Warnings      int          `json:"warning_count"`
	Diagnostics   []diagnostic `json:"diagnostics"`
}

type diagnostic struct {
	Severity string  `json:"severity"`
	Summary  string  `json:"summary"`
	Detail   string  `json:"detail"`
	Range    *span   `json:"range,omitempty"`
	Snippet  *source `json:"snippet,omitempty"`
}

type span struct {
	File  string   `json:"filename"`
	Start position `json:"start"`
	End   position `json:"end"`
}

type position struct {
	Line   int `json:"line"`
	Column int `json:"column"`
	Byte   int `json:"byte"`
}

// source is the lines of a range. The offsets are bytes in the code.
type source struct {
	Context   *string      `json:"context"`
	Code      string       `json:"code"`
	StartLine int          `json:"start_line"`
	From      int          `json:"highlight_start_offset"`
	To        int          `json:"highlight_end_offset"`
	Values    []expression `json:"values"`
}

type expression struct {
	Traversal string `json:"traversal"`
	Statement string `json:"statement"`
}

// Validation writes one object and no version line.
func (j *JSON) Validation(p *pipelines.Pipeline, _ *pipelines.Expansion, diags hcl.Diagnostics) {
	v := validation{FormatVersion: "1.0", Valid: !diags.HasErrors(), Diagnostics: []diagnostic{}}
	for _, d := range diags {
		line := diagnostic{Severity: "error", Summary: d.Summary, Detail: d.Detail}
		if d.Severity == hcl.DiagWarning {
			line.Severity = "warning"
			v.Warnings++
		} else {
			v.Errors++
		}
		if r := d.Subject; r != nil {
			line.Range = &span{r.Filename, position(r.Start), position(r.End)}
			if s, ok := cut(r, p.Files()); ok {
				code := strings.Join(s.lines, "\n")
				line.Snippet = &source{Code: code, StartLine: s.first, From: min(s.offset, len(code)), To: min(s.offset+r.End.Byte-r.Start.Byte, len(code)), Values: []expression{}}
				for _, x := range values(d) {
					line.Snippet.Values = append(line.Snippet.Values, expression{x.Reference, "is " + x.Value})
				}
			}
		}
		v.Diagnostics = append(v.Diagnostics, line)
	}
	j.started = true
	_ = j.enc.Encode(v)
}
