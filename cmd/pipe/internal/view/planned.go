package view

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pipe-ml/pipe/dag"
	"github.com/pipe-ml/pipe/pipelines"
)

// sweep is the instances of one stage that share a state and a reason.
type sweep struct {
	stage   string
	state   string
	reasons []string // distinct, in order
	nodes   []*dag.Node
}

// mostReasons is how many reasons of one stage get a line each.
const mostReasons = 3

// Plan writes a line a sweep, and the counts.
func (h *Human) Plan(p *dag.Plan, kept string) {
	if kept != "" {
		defer h.printf("Kept in %s. To run exactly this: pipe apply %s\n", kept, shellQuote(kept))
	}
	var rows []string
	all := map[string][]*dag.Node{}
	for _, a := range p.Actions {
		all[a.Node.Stage] = append(all[a.Node.Stage], a.Node)
	}
	for _, s := range sweeps(p) {
		mark, word := "~", h.style.paint(yellow, "to run")
		if s.state == dag.StateMaybe {
			mark, word = "?", h.style.paint(blue, "maybe")
		}
		rows = append(rows, fmt.Sprintf("  %s %s\t%d %s\t%s", mark, selector(s.nodes, all[s.stage]), len(s.nodes), word, clip(s.reason(), 120)))
	}
	c := p.Summary()
	if c.Cached > 0 && len(rows) > 0 {
		rows = append(rows, fmt.Sprintf("  = everything else\t%d cached", c.Cached))
	}
	h.table(rows...)
	if c.Run+c.Maybe == 0 {
		h.printf("%s %s cached.\n", h.style.paint(green, "Nothing to do:"), count(c.Cached, "instance"))
		return
	}
	h.printf("%s %d to run, %d maybe, %d cached.%s\n", h.style.paint(bold, "Plan:"), c.Run, c.Maybe, c.Cached, estimate(p))
}

// estimate says how long what is to run will take, and of how many instances that is known.
func estimate(p *dag.Plan) string {
	work, known, all := 0.0, 0, 0
	for _, a := range p.Actions {
		if a.State != dag.StateRun {
			continue
		}
		all++
		if a.Expect > 0 {
			work += a.Expect
			known++
		}
	}
	switch {
	case work < 1:
		return ""
	case known < all:
		return fmt.Sprintf(" About %s of work for %d of the %d to run (from earlier runs); the stages of the others never ran.", seconds(work), known, all)
	}
	return fmt.Sprintf(" About %s of work (from earlier runs).", seconds(work))
}

// sweeps groups what is not cached by stage, state and reason; a stage with many reasons is one sweep.
func sweeps(p *dag.Plan) []*sweep {
	byStage := map[string]map[string]bool{} // stage and state -> reasons
	for _, a := range p.Actions {
		k := a.Node.Stage + " " + a.State
		if byStage[k] == nil {
			byStage[k] = map[string]bool{}
		}
		byStage[k][plannedReason(a)] = true
	}
	var list []*sweep
	found := map[string]*sweep{}
	for _, a := range p.Actions {
		if a.State == dag.StateCached {
			continue
		}
		k := a.Node.Stage + " " + a.State
		if len(byStage[k]) <= mostReasons {
			k += " " + plannedReason(a)
		}
		s := found[k]
		if s == nil {
			s = &sweep{stage: a.Node.Stage, state: a.State}
			found[k] = s
			list = append(list, s)
		}
		s.nodes = append(s.nodes, a.Node)
		if r := plannedReason(a); !slices.Contains(s.reasons, r) {
			s.reasons = append(s.reasons, r)
		}
	}
	return list
}

// plannedReason is the reason of an action without the addresses in it, so that a sweep shares one.
func plannedReason(a dag.PlannedAction) string {
	if a.State != dag.StateMaybe {
		return a.Reason
	}
	var waits []string
	for _, address := range a.Waits {
		stage, _, _ := strings.Cut(address, "[")
		if !slices.Contains(waits, stage) {
			waits = append(waits, stage)
		}
	}
	verb := "is"
	if len(waits) > 1 {
		verb = "are"
	}
	return fmt.Sprintf("skipped if %s %s unchanged", strings.Join(waits, ", "), verb)
}

func (s *sweep) reason() string {
	if len(s.reasons) > mostReasons {
		return fmt.Sprintf("%s, and %d other reasons", s.reasons[0], len(s.reasons)-1)
	}
	return strings.Join(s.reasons, "; ")
}

// selector names some of a stage's instances: by the values that they share on axes where others differ.
func selector(some, all []*dag.Node) string {
	first := some[0]
	if len(first.Axes) == 0 {
		return first.Stage
	}
	if len(some) == 1 {
		return pipelines.ReadableAddress(first.Stage, first.Axes)
	}
	var shared []dag.Axis
	for i, axis := range first.Axes {
		if oneValue(some, i) && !oneValue(all, i) {
			shared = append(shared, axis)
		}
	}
	if len(shared) == 0 || len(some) == len(all) {
		return first.Stage + "[*]"
	}
	text := pipelines.ReadableAddress(first.Stage, shared)
	if len(shared) < len(first.Axes) {
		text = strings.TrimSuffix(text, "]") + ",*]"
	}
	return text
}

func oneValue(nodes []*dag.Node, axis int) bool {
	for _, n := range nodes {
		if n.Axes[axis].Value != nodes[0].Axes[axis].Value {
			return false
		}
	}
	return true
}

// jsonText writes a configuration value in one line, as the JSON view does: with <, > and & as they are.
func jsonText(v any) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Sprint(v)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// short writes a path relative to the working folder where that is shorter.
func short(path string) string {
	here, err := os.Getwd()
	if err != nil {
		return path
	}
	if rel, err := filepath.Rel(here, path); err == nil && !strings.HasPrefix(rel, "..") {
		return rel
	}
	return path
}
