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
	first   dag.PlannedAction
	nodes   []*dag.Node
}

// longestReason is how much of a reason a line shows; a terminal may show less.
const longestReason = 120

// mostReasons is how many reasons of one stage get a line each.
const mostReasons = 3

// Plan writes a line a sweep, and the counts.
func (h *Human) Plan(p *dag.Plan, kept string) {
	if kept != "" {
		defer h.printf("Kept in %s. To run exactly this: pipe apply %s\n", kept, shellQuote(kept))
	}
	var rows []string
	all := byStage(p)
	for _, s := range sweeps(p.Actions) {
		mark, word := "~", h.style.paint(yellow, "to run")
		if s.state == dag.StateMaybe {
			mark, word = "?", h.style.paint(blue, "maybe")
		}
		rows = append(rows, fmt.Sprintf("  %s %s\t%d %s\t%s", mark, some(s.nodes, all[s.stage]), len(s.nodes), word, clip(s.reason(), longestReason)))
	}
	c := p.Summary()
	if c.Cached > 0 && len(rows) > 0 {
		rows = append(rows, fmt.Sprintf("  = everything else\t%d cached%s", c.Cached, ofRemote(c.Remote)))
	}
	h.clipped(rows...)
	h.total(p)
}

// byStage lists the instances of each stage.
func byStage(p *dag.Plan) map[string][]*dag.Node {
	all := map[string][]*dag.Node{}
	for _, a := range p.Actions {
		all[a.Node.Stage] = append(all[a.Node.Stage], a.Node)
	}
	return all
}

// total writes the counts of a plan.
func (h *Human) total(p *dag.Plan) {
	c := p.Summary()
	defer h.outputs(p)
	if c.Run+c.Maybe == 0 {
		nothing := "Nothing to do:"
		if c.Publish+c.Blocked > 0 {
			nothing = "Nothing to run:"
		}
		h.printf("%s %s cached%s.\n", h.style.paint(green, nothing), count(c.Cached, "instance"), ofRemote(c.Remote))
		return
	}
	h.printf("%s %d to run, %d maybe, %d cached%s.%s\n", h.style.paint(bold, "Plan:"), c.Run, c.Maybe, c.Cached, ofRemote(c.Remote), estimate(p))
}

// outputs says what is to be published of what is cached.
func (h *Human) outputs(p *dag.Plan) {
	switch {
	case p.Publish == 1:
		h.printf("1 output not in its place: apply publishes it.\n")
	case p.Publish > 1:
		h.printf("%d outputs not in their places: apply publishes them.\n", p.Publish)
	}
	for _, err := range p.Blocked {
		h.printf("%s %v\n", h.style.paint(yellow, "Cannot be published:"), err)
	}
}

// estimate says how long what is to run will take, and of how many instances that is known.
func estimate(p *dag.Plan) string {
	work, known, all, about := 0.0, 0, 0, "About"
	for _, a := range p.Actions {
		if a.State == dag.StateMaybe {
			about = "At least"
		}
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
		return fmt.Sprintf(" %s %s of work for %d of the %d to run (from earlier runs); the stages of the others never ran.", about, seconds(work), known, all)
	}
	return fmt.Sprintf(" %s %s of work (from earlier runs).", about, seconds(work))
}

// sweeps groups what is not cached by stage, state and reason. A stage with many reasons is grouped by what changed,
// without the values; one that has many even so is one sweep.
func sweeps(actions []dag.PlannedAction) []*sweep {
	exact, vague := map[string]map[string]bool{}, map[string]map[string]bool{} // stage and state -> reasons
	note := func(m map[string]map[string]bool, k, reason string) {
		if m[k] == nil {
			m[k] = map[string]bool{}
		}
		m[k][reason] = true
	}
	for _, a := range actions {
		k := a.Node.Stage + " " + a.State
		note(exact, k, sweepReason(a, true))
		note(vague, k, sweepReason(a, false))
	}
	var list []*sweep
	found := map[string]*sweep{}
	for _, a := range actions {
		if a.State == dag.StateCached {
			continue
		}
		k := a.Node.Stage + " " + a.State
		reason := sweepReason(a, len(exact[k]) <= mostReasons)
		if len(exact[k]) <= mostReasons || len(vague[k]) <= mostReasons {
			k += " " + reason
		}
		s := found[k]
		if s == nil {
			s = &sweep{stage: a.Node.Stage, state: a.State, first: a}
			found[k] = s
			list = append(list, s)
		}
		s.nodes = append(s.nodes, a.Node)
		if !slices.Contains(s.reasons, reason) {
			s.reasons = append(s.reasons, reason)
		}
	}
	for _, s := range list {
		if len(s.nodes) == 1 && s.state == dag.StateRun && len(s.first.Reason) <= longestReason { // nothing is shared: tell all of it
			s.reasons = []string{s.first.Reason}
		}
	}
	return list
}

// sweepReason is the reason of an action without what is peculiar to it, so that a sweep shares one.
func sweepReason(a dag.PlannedAction, values bool) string {
	if a.State != dag.StateMaybe {
		return a.Common(values)
	}
	return skippedIf(a.Waits)
}

// skippedIf says of which stages the instances must come out as they were.
func skippedIf(addresses []string) string {
	var waits []string
	for _, address := range addresses {
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
		return fmt.Sprintf("%s; %d other reasons: see pipe why %s", s.reasons[0], len(s.reasons)-1, s.stage)
	}
	return strings.Join(s.reasons, "; ")
}

// some names some of a stage's instances.
func some(nodes, all []*dag.Node) string {
	text, exact := selector(nodes, all)
	if !exact {
		return "some of " + text
	}
	return text
}

// selector names instances of a stage by the values that they share on axes where others differ, and says whether it
// means no others.
func selector(nodes, all []*dag.Node) (text string, exact bool) {
	first := nodes[0]
	if len(first.Axes) == 0 {
		return first.Stage, true
	}
	if len(nodes) == 1 {
		return pipelines.ReadableAddress(first.Stage, first.Axes), true
	}
	var shared []dag.Axis
	meant := slices.Clone(all)
	for i, axis := range first.Axes {
		if oneValue(nodes, i) && !oneValue(all, i) {
			shared = append(shared, axis)
			meant = slices.DeleteFunc(meant, func(n *dag.Node) bool { return n.Axes[i].Value != axis.Value })
		}
	}
	exact = len(meant) == len(nodes)
	if len(shared) == 0 {
		return first.Stage + "[*]", exact
	}
	text = pipelines.ReadableAddress(first.Stage, shared)
	if len(shared) < len(first.Axes) {
		text = strings.TrimSuffix(text, "]") + ",*]"
	}
	return text, exact
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
