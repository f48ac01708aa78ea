package view

import (
	"bytes"
	"fmt"
	"sort"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/pipe-ml/pipe/pipelines"
)

// snippet is the lines of source that a diagnostic is about.
type snippet struct {
	first int // number of the first line
	lines []string
	from  int // columns of the subject in the first line, from 1
	to    int

	offset int // of the subject in the first line, in bytes
}

// mostLines bounds a snippet.
const mostLines = 4

// cut takes the lines of a range out of its file.
func cut(r *hcl.Range, files map[string]*hcl.File) (snippet, bool) {
	file := files[r.Filename]
	if file == nil || len(file.Bytes) == 0 {
		return snippet{}, false
	}
	all := bytes.Split(file.Bytes, []byte("\n"))
	if r.Start.Line < 1 || r.Start.Line > len(all) {
		return snippet{}, false
	}
	s := snippet{first: r.Start.Line, from: r.Start.Column, to: r.End.Column}
	s.offset = r.Start.Byte - len(bytes.Join(all[:r.Start.Line-1], []byte("\n"))) - min(1, r.Start.Line-1)
	for line := r.Start.Line; line <= min(r.End.Line, len(all), r.Start.Line+mostLines-1); line++ {
		s.lines = append(s.lines, string(bytes.TrimRight(all[line-1], "\r")))
	}
	if r.End.Line > r.Start.Line {
		s.to = len([]rune(s.lines[0])) + 1
	}
	return s, true
}

// value is one reference in a diagnostic's expression and what it stands for.
type value struct {
	Reference string `json:"reference"`
	Value     string `json:"value"`
}

// values lists what the references in a diagnostic's expression stand for, sorted.
func values(d *hcl.Diagnostic) []value {
	if d.Expression == nil || d.EvalContext == nil {
		return nil
	}
	var list []value
	seen := map[string]bool{}
	for _, t := range d.Expression.Variables() {
		v, diags := t.TraverseAbs(d.EvalContext)
		name := spell(t)
		if diags.HasErrors() || seen[name] || v == cty.NilVal {
			continue
		}
		seen[name] = true
		if text := pipelines.Literal(v); text != name { // an artifact's reference has no other value
			list = append(list, value{name, text})
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Reference < list[j].Reference })
	return list
}

// spell writes a traversal as in the source.
func spell(t hcl.Traversal) string {
	var b strings.Builder
	for _, step := range t {
		switch s := step.(type) {
		case hcl.TraverseRoot:
			b.WriteString(s.Name)
		case hcl.TraverseAttr:
			b.WriteString("." + s.Name)
		case hcl.TraverseIndex:
			b.WriteString("[" + pipelines.Literal(s.Key) + "]")
		}
	}
	return b.String()
}

// Diagnostics writes each with its place, source, the values involved and the explanation.
func (h *Human) Diagnostics(diags hcl.Diagnostics, files map[string]*hcl.File) {
	for _, d := range diags {
		label, color := "Error", red
		if d.Severity == hcl.DiagWarning {
			label, color = "Warning", yellow
		}
		bar := h.style.paint(color, "│")
		var b strings.Builder
		fmt.Fprintf(&b, "%s %s %s\n", h.style.paint(color, "╷"), h.style.paint(bold+";"+color, label+":"), h.style.paint(bold, d.Summary))
		if d.Subject != nil {
			fmt.Fprintf(&b, "%s   on %s line %d:\n", bar, d.Subject.Filename, d.Subject.Start.Line)
			if s, ok := cut(d.Subject, files); ok {
				for i, line := range s.lines {
					if i == 0 {
						line = underline(h.style, line, s.from, s.to)
					}
					fmt.Fprintf(&b, "%s %4d: %s\n", bar, s.first+i, line)
				}
			}
		}
		for _, v := range values(d) {
			fmt.Fprintf(&b, "%s         %s is %s\n", bar, v.Reference, v.Value)
		}
		fmt.Fprintf(&b, "%s\n", bar)
		for line := range strings.SplitSeq(d.Detail, "\n") {
			fmt.Fprintf(&b, "%s %s\n", bar, line)
		}
		fmt.Fprintf(&b, "%s\n", h.style.paint(color, "╵"))
		h.complain("%s", b.String())
	}
}

// underline marks columns from..to of a line, where the style allows it.
func underline(s Style, line string, from, to int) string {
	r := []rune(line)
	from, to = max(1, from), min(to, len(r)+1)
	if !s.Color || from >= to {
		return line
	}
	return string(r[:from-1]) + "\x1b[4m" + string(r[from-1:to-1]) + "\x1b[0m" + string(r[to-1:])
}

// Diagnostics writes an object for each.
func (j *JSON) Diagnostics(diags hcl.Diagnostics, files map[string]*hcl.File) {
	type point struct {
		Line   int `json:"line"`
		Column int `json:"column"`
	}
	type extent struct {
		File  string `json:"file"`
		Start point  `json:"start"`
		End   point  `json:"end"`
	}
	for _, d := range diags {
		line := struct {
			Type     string   `json:"type"`
			Severity string   `json:"severity"`
			Summary  string   `json:"summary"`
			Detail   string   `json:"detail"`
			Range    *extent  `json:"range,omitempty"`
			Snippet  []string `json:"snippet,omitempty"`
			Values   []value  `json:"values,omitempty"`
		}{Type: "diagnostic", Severity: "error", Summary: d.Summary, Detail: d.Detail, Values: values(d)}
		if d.Severity == hcl.DiagWarning {
			line.Severity = "warning"
		}
		if r := d.Subject; r != nil {
			line.Range = &extent{r.Filename, point{r.Start.Line, r.Start.Column}, point{r.End.Line, r.End.Column}}
			if s, ok := cut(r, files); ok {
				line.Snippet = s.lines
			}
		}
		j.write(line)
	}
}
