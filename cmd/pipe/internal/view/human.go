package view

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/pipe-ml/pipe/dag"
	"github.com/pipe-ml/pipe/pipelines"
)

// Human writes for people: results to one writer, mistakes to the other.
type Human struct {
	out, err io.Writer
	terminal io.Writer // out itself, for what moves the cursor
	style    Style
	mask     *Mask
}

// NewHuman makes a view for people.
func NewHuman(out, err io.Writer, style Style, mask *Mask) *Human {
	return &Human{mask.writer(out), mask.writer(err), out, style, mask}
}

// printf writes a result. There is no one to tell if that fails; a closed pipe ends the program anyway.
func (h *Human) printf(format string, args ...any) { _, _ = fmt.Fprintf(h.out, format, args...) }

// complain writes a mistake.
func (h *Human) complain(format string, args ...any) { _, _ = fmt.Fprintf(h.err, format, args...) }

// table writes rows whose cells are separated by tabs.
func (h *Human) table(rows ...string) {
	for _, line := range columns(rows) {
		h.printf("%s\n", line)
	}
}

// clipped writes rows as table does, of which none is longer than the terminal is wide.
func (h *Human) clipped(rows ...string) {
	for _, line := range columns(rows) {
		if h.style.Width > 0 {
			line = clipPainted(line, h.style.Width-1)
		}
		h.printf("%s\n", line)
	}
}

// columns are rows with their cells one below the other.
func columns(rows []string) []string {
	var text bytes.Buffer
	w := tabwriter.NewWriter(&text, 0, 0, 3, ' ', 0)
	for _, r := range rows {
		_, _ = fmt.Fprintln(w, r)
	}
	_ = w.Flush()
	var lines []string
	for line := range strings.Lines(text.String()) {
		lines = append(lines, strings.TrimRight(line, " \n")) // empty last cells leave no blanks behind
	}
	return lines
}

// Error writes what ended a verb.
func (h *Human) Error(err error) {
	h.complain("%s %s\n", h.style.paint(bold+";"+red, "Error:"), err)
}

// Warning writes one line.
func (h *Human) Warning(text string) { h.complain("%s\n", warningLine(h.style, text)) }

func warningLine(s Style, text string) string {
	return s.paint(bold+";"+yellow, "Warning:") + " " + text
}

// Validation tells the mistakes, or how much a sound pipeline holds.
func (h *Human) Validation(p *pipelines.Pipeline, x *pipelines.Expansion, diags hcl.Diagnostics) {
	h.Diagnostics(diags, p.Files())
	if !diags.HasErrors() {
		h.printf("%s %s, %s.\n", h.style.paint(green, "Valid:"), count(len(p.Stages), "stage"), count(instances(x.Nodes), "instance"))
	}
}

// Pipeline lists variables, stages and outputs.
func (h *Human) Pipeline(p *pipelines.Pipeline, x *pipelines.Expansion) {
	h.printf("%s", h.style.paint(bold, p.Name))
	if p.Description != "" {
		h.printf(": %s", p.Description)
	}
	h.printf("\n")
	var rows []string
	for _, v := range p.Variables {
		rows = append(rows, "  "+v.Name+"\t"+shownVariable(v)+"\t"+v.Description)
	}
	h.section("Variables", rows)
	rows = nil
	for _, m := range p.Modules() {
		n := 0
		for _, s := range p.Stages {
			if strings.HasPrefix(s.Address(), m.Address+".") {
				n++
			}
		}
		rows = append(rows, fmt.Sprintf("  %s\t%s\t%s", m.Address, m.Source, count(n, "stage")))
	}
	h.section("Modules", rows)
	rows = nil
	for _, s := range p.Stages {
		n := countOf(x.Nodes, s.Address())
		rows = append(rows, fmt.Sprintf("  %s\t%s", s.Address(), count(n, "instance")))
	}
	h.section("Stages", rows)
	rows = nil
	for _, pub := range x.Publications {
		rows = append(rows, fmt.Sprintf("  %s\t%s.%s\t%s\t%s", pub.Name, pub.Ref.Address, pub.Ref.Output, short(pub.Path), describe(p, pub)))
	}
	h.section("Outputs", rows)
}

func (h *Human) section(title string, rows []string) {
	if len(rows) == 0 {
		return
	}
	h.printf("\n%s\n", h.style.paint(bold, title))
	h.table(rows...)
}

// instance shows the configuration, and the last result if there is one.
func (h *Human) instance(i Instance) {
	h.printf("%s\n", h.style.paint(bold, i.Node.Address))
	config := i.Node.Config
	if i.Manifest != nil {
		config = i.Manifest.Config
	}
	var rows []string
	for _, name := range sortedNames(config) {
		rows = append(rows, "  "+name+"\t"+jsonText(config[name]))
	}
	h.section("Configuration", rows)
	if i.Result == nil {
		h.printf("\nIt has no result yet%s.\n\n", because(i.Waiting))
		return
	}
	rows = nil
	for _, in := range i.Manifest.Inputs {
		rows = append(rows, fmt.Sprintf("  %s\t%s", in.Name, in.Digest.Short()))
	}
	h.section("Inputs", rows)
	rows = nil
	for _, out := range i.Result.Outputs {
		rows = append(rows, fmt.Sprintf("  %s\t%s\t%s\t%s\t%s", out.Name, out.Kind, out.Digest.Short(), size(out.Size), count(out.Files, "file")))
	}
	h.section("Outputs", rows)
	rows = nil
	for _, name := range inOrder(i.Result.Metrics, i.Result.Order) {
		rows = append(rows, "  "+name+"\t"+number(i.Result.Metrics[name]))
	}
	h.section("Metrics", rows)
	on := []string{i.Result.Platform}
	if i.Result.Device != "" {
		on = append(on, i.Result.Device)
	}
	made := fmt.Sprintf("%s on %s (%s, %s), took %s, run %s, key %s", clock(i.Result.Started),
		i.Result.Host, strings.Join(on, ", "), count(i.Result.Threads, "thread"), seconds(i.Result.Seconds), i.Result.Run, i.Result.Key[:min(12, len(i.Result.Key))])
	if i.Result.Remote != "" {
		made += ", from the remote cache " + i.Result.Remote
	}
	h.printf("\n%s\n\n", h.style.paint(faint, made))
}

// Runs lists runs, newest first.
func (h *Human) Runs(runs []dag.Run) {
	if len(runs) == 0 {
		h.printf("No runs yet.\n")
		return
	}
	rows := []string{"RUN\tSTARTED\tSTATE\tTOOK\tEXECUTED\tCACHED\tCOMMAND"}
	for _, r := range runs {
		took, counts := "", "\t"
		if r.Summary != nil {
			took = seconds(r.Finished.Sub(r.Started).Seconds())
			counts = fmt.Sprintf("%d\t%d%s", r.Summary.Executed, r.Summary.Cached, ofRemote(r.Summary.Remote))
		}
		rows = append(rows, fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%s", r.ID, clock(r.Started), runState(r), took, counts, strings.Join(r.Command, " ")))
	}
	h.table(rows...)
}

// ofRemote tells of a number of cached instances how many are from the remote cache.
func ofRemote(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" (%d remote)", n)
}

// runState says how a run stands.
func runState(r dag.Run) string {
	switch r.State {
	case dag.RunFailed:
		return fmt.Sprintf("%d failed", r.Summary.Failed)
	case dag.RunUnknown:
		return "unknown (on " + r.Host + ")"
	}
	return r.State
}

// Journal lists the events of a run, and how it stands.
func (h *Human) Journal(run dag.Run, entries []dag.Entry) {
	for _, e := range entries {
		text := ""
		switch e.Type {
		case "run":
			text = strings.Join(e.Command, " ") + " on " + e.Host
		case "cached":
			text = count(len(e.Keys), "instance") + " cached"
		default:
			text = strings.TrimSpace(eventLine(Style{}, e.Event))
			if e.Remote {
				text = e.Address + ": from the remote cache"
			}
			if text == "" {
				continue
			}
		}
		h.printf("%s  %s\n", e.Time.Local().Format("15:04:05"), text)
	}
	if s := run.Summary; s != nil {
		h.printf("%s  %s: %d executed, %d cached%s, %d skipped\n", run.Finished.Local().Format("15:04:05"), runState(run), s.Executed, s.Cached, ofRemote(s.Remote), s.Skipped)
	} else {
		h.printf("%s\n", runState(run))
	}
}

// Log writes the text of a log.
func (h *Human) Log(address, _, text string) {
	h.printf("%s\n%s", h.style.paint(bold, "== "+address), text)
	if text != "" && !strings.HasSuffix(text, "\n") {
		h.printf("\n")
	}
}

// LogLine writes a line of a log as it is.
func (h *Human) LogLine(_, line string) { h.printf("%s\n", line) }

// Graph writes a drawing as it is.
func (h *Human) Graph(_, _, text string) { h.printf("%s", text) }

// Formatted writes the name of a file, or its diff.
func (h *Human) Formatted(file string, diff []byte) {
	if diff != nil {
		h.printf("%s", diff)
		return
	}
	h.printf("%s\n", file)
}

// Script writes a completion script as it is.
func (h *Human) Script(_, text string) { h.printf("%s", text) }

// Source writes formatted source as it is.
func (h *Human) Source(text string) { h.printf("%s", text) }

// Close has nothing left to write.
func (h *Human) Close() {}

// Version writes one line.
func (h *Human) Version(v Version) {
	h.printf("pipe %s", v.Pipe)
	if v.Commit != "" {
		h.printf(" (%s)", v.Commit[:min(12, len(v.Commit))])
	}
	h.printf(", %s, %s\n", v.Go, v.Platform)
}

// describe finds what the output block of a publication says about it.
func describe(p *pipelines.Pipeline, pub dag.Publication) string {
	name, _, _ := strings.Cut(pub.Name, "[")
	for _, o := range p.Outputs {
		if o.Address() == name {
			return o.Description
		}
	}
	return ""
}

func shownVariable(v *pipelines.Variable) string {
	if v.Sensitive {
		return "(sensitive)"
	}
	if v.Value == cty.NilVal {
		return ""
	}
	return pipelines.Literal(v.Value)
}

// nonZero is nil for the zero time, so that JSON leaves it out.
func nonZero(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t
}
