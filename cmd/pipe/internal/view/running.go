package view

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/pipe-ml/pipe/dag"
)

// Run shows an apply: with bars on a terminal, else a line per event that matters.
func (h *Human) Run(g *dag.Graph) Run {
	r := &humanRun{h: h, waiting: waiting{}}
	if h.style.Live {
		r.live = newLive(h, instances(g.Nodes()))
	}
	return r
}

// humanRun is the view of one apply.
type humanRun struct {
	h       *Human
	live    *live // nil when piped
	pushing bool  // that was told
	waiting waiting
}

// waiting are the instances of each stage that wait for another run, which does them now.
type waiting map[string]map[string]bool

// line tells of a stage when its first instance begins to wait, and when none does any more; else it is "".
func (w waiting) line(e dag.Event) string {
	of := w[e.Stage]
	switch {
	case e.Type == dag.EventQueued && e.Reason != "":
		if of == nil {
			of = map[string]bool{}
			w[e.Stage] = of
		}
		of[e.Address] = true
		if len(of) == 1 {
			return fmt.Sprintf("%s: waits (%s)", e.Stage, e.Reason)
		}
	case of[e.Address]:
		delete(of, e.Address)
		if len(of) == 0 {
			return fmt.Sprintf("%s: goes on", e.Stage)
		}
	}
	return ""
}

func (r *humanRun) Close() {
	if r.live != nil {
		r.live.close()
	}
}

// Event writes what happened.
func (r *humanRun) Event(e dag.Event) {
	if e.Type == dag.EventPush && r.live == nil {
		if !r.pushing {
			r.pushing = true
			r.h.printf("giving the remote cache %s what has run (%d of %d to go)\n", e.Message, e.Steps-e.Step, e.Steps)
		}
		return
	}
	if e.Type == dag.EventSummary {
		r.Close()
		r.summary(e)
		return
	}
	if r.live != nil {
		r.live.event(e)
		return
	}
	for _, line := range []string{r.waiting.line(e), eventLine(r.h.style, e)} {
		if line != "" {
			r.h.printf("%s\n", line)
		}
	}
}

// eventLine is an event in one line, or "" for those that are shown in no line.
func eventLine(s Style, e dag.Event) string {
	switch e.Type {
	case dag.EventStart:
		text := fmt.Sprintf("%s: started", e.Address)
		if e.Attempt > 1 {
			text = fmt.Sprintf("%s: started again (attempt %d)", e.Address, e.Attempt)
		}
		if e.Reason != "" {
			text += " (" + clip(e.Reason, 80) + ")"
		}
		return text
	case dag.EventComplete:
		if e.Cached {
			return ""
		}
		took := seconds(e.Seconds)
		room := math.MaxInt
		if s.Width > 0 {
			room = s.Width - 1 - length(e.Address+": done in "+took)
		}
		return fmt.Sprintf("%s: %s in %s%s", e.Address, s.paint(green, "done"), took, metrics(e.Values, e.Order, room))
	case dag.EventFailed:
		text := fmt.Sprintf("%s %s after %s: %s", e.Address+":", s.paint(red, "failed"), seconds(e.Seconds), dag.Headline(e.Message))
		if e.Retry {
			text += " (it will be tried again)"
		}
		return text
	case dag.EventSkipped:
		return fmt.Sprintf("%s: skipped (%s)", e.Address, e.Reason)
	case dag.EventPublish:
		if !e.Changed {
			return ""
		}
		return fmt.Sprintf("%s %s", s.paint(green, "published"), short(e.Path))
	case dag.EventWarning:
		return warningLine(s, e.Message)
	}
	return ""
}

// mostMetrics is how many metrics a line shows.
const mostMetrics = 4

// metrics lists measures as the stage told them, then counts such as steps, which tell less of a result, then what is
// 0, which is no news: as many as have room.
func metrics(values map[string]float64, order []string, room int) string {
	names := inOrder(values, order)
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(dullness(values[a]), dullness(values[b])) })
	for n := min(len(names), mostMetrics); n > 0; n-- {
		parts := make([]string, n)
		for i, name := range names[:n] {
			parts[i] = name + " " + number(values[name])
		}
		if n < len(names) {
			parts = append(parts, "…")
		}
		if text := " (" + strings.Join(parts, ", ") + ")"; length(text) <= room {
			return text
		}
	}
	return ""
}

// inOrder are the names of values as they were told; those of which that is not known follow by name.
func inOrder(values map[string]float64, order []string) []string {
	names := slices.Clone(order)
	for _, name := range sortedNames(values) {
		if !slices.Contains(order, name) {
			names = append(names, name)
		}
	}
	return names
}

// dullness ranks measures before counts before nothing; 1 may be a measure or a count.
func dullness(v float64) int {
	switch {
	case v == 0:
		return 2
	case v == math.Trunc(v) && math.Abs(v) > 1:
		return 1
	}
	return 0
}

// clip cuts a text that is too long for a line.
func clip(s string, width int) string {
	if r := []rune(s); len(r) > width {
		if width < 1 {
			return ""
		}
		return string(r[:width-1]) + "…"
	}
	return s
}

// summary writes the failures with the end of their logs, then the counts.
func (r *humanRun) summary(e dag.Event) {
	s, style := e.Summary, r.h.style
	for _, f := range s.Failures {
		r.h.printf("\n%s %s\n", style.paint(bold+";"+red, "Failed:"), style.paint(bold, f.Address))
		r.h.printf("  %s\n", strings.ReplaceAll(strings.TrimRight(f.Message, "\n"), "\n", "\n  "))
		if !strings.Contains(f.Message, "\n") { // else it holds the last lines itself
			for _, line := range tail(f.Log, 10) {
				r.h.printf("  %s %s\n", style.paint(faint, "|"), line)
			}
		}
		if f.Log != "" {
			r.h.printf("  All of it: pipe logs %s\n", shellQuote(f.Address))
		}
	}
	if len(s.Failures) > 0 {
		r.h.printf("\n")
	}
	switch {
	case s.Executed+s.Failed+s.Skipped == 0:
		r.h.printf("%s %s cached%s", style.paint(green, "Nothing to do:"), count(s.Cached, "instance"), ofRemote(s.Remote))
	case s.Failed > 0:
		r.h.printf("%s %d failed, %d skipped, %d executed, %d cached%s", style.paint(red, "Not all done:"), s.Failed, s.Skipped, s.Executed, s.Cached, ofRemote(s.Remote))
	case s.Interrupted:
		r.h.printf("%s %d executed, %d skipped, %d cached%s", style.paint(yellow, "Interrupted:"), s.Executed, s.Skipped, s.Cached, ofRemote(s.Remote))
	default:
		r.h.printf("%s %d executed, %d cached%s", style.paint(green, "Done:"), s.Executed, s.Cached, ofRemote(s.Remote))
	}
	if s.Pushed > 0 {
		r.h.printf(", %s pushed", count(s.Pushed, "result"))
	}
	if s.Published > 0 {
		r.h.printf(", %s published", count(s.Published, "output"))
	}
	r.h.printf(" in %s.\n", seconds(e.Seconds))
}

// tail returns the last lines of a log. A log that cannot be read has none.
func tail(path string, n int) []string {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	var lines []string
	for line := range bytes.Lines(text) {
		if !bytes.HasPrefix(line, []byte("pipe: ")) { // what the engine adds to a log is said already
			lines = append(lines, strings.TrimRight(string(line), "\r\n"))
		}
	}
	return lines[max(0, len(lines)-n):]
}

// shellQuote makes an address one word for a shell.
func shellQuote(s string) string {
	if !strings.ContainsAny(s, `[]"* ,'`) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
