package view

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pipe-ml/pipe/dag"
)

// mostAlike is how many producers that an instance waits for get a line each.
const mostAlike = 3

// Why writes each difference, with the files in a changed folder, and the last result.
func (h *Human) Why(all []*dag.Explanation) {
	for i, x := range all {
		if i > 0 {
			h.printf("\n")
		}
		state := map[string]string{dag.StateCached: "is cached", dag.StateRun: "will run", dag.StateMaybe: "may run"}[x.State]
		h.printf("%s %s", h.style.paint(bold, x.Address), state)
		if x.State == dag.StateMaybe {
			h.printf(": %s", maybeReason(x))
		}
		if x.Remote {
			h.printf(" (remote)")
		}
		h.printf("\n")
		h.changes(x.Changes)
		if x.Last == nil {
			continue
		}
		text := fmt.Sprintf("last result: %s, in %s, run %s", clock(x.Last.Started), seconds(x.Last.Seconds), x.Last.Run)
		if x.Last.Address != x.Address {
			text += ", of " + x.Last.Address + ", which has the same key"
		}
		if x.Last.Remote != "" {
			text += ", on " + x.Last.Host + ", from the remote cache " + x.Last.Remote
		}
		h.printf("  %s\n", h.style.paint(faint, text))
		if x.Ran != "" {
			h.printf("  %s\n", h.style.paint(faint, "the reason then: "+x.Ran))
		}
	}
}

// maybeReason says what an instance that may run waits for: by address, or by stage where these are many.
func maybeReason(x *dag.Explanation) string {
	var waits []string
	for _, c := range x.Changes {
		if c.Kind == dag.ChangeUpstream {
			waits = append(waits, c.Upstream)
		}
	}
	if len(waits) > mostAlike {
		return skippedIf(waits)
	}
	return x.Reason
}

// changes writes a line a change, then what the instance waits for.
func (h *Human) changes(changes []dag.Change) {
	mark := h.style.paint(yellow, "~")
	var waits []dag.Change
	for _, c := range changes {
		if c.Kind == dag.ChangeUpstream {
			waits = append(waits, c)
			continue
		}
		h.printf("  %s %s\n", mark, c)
		for _, f := range c.Files {
			h.printf("      %s\n", changedPart(f))
		}
		if c.Log != "" {
			h.printf("      log: %s\n", short(c.Log))
		}
	}
	for _, line := range waitLines(waits) {
		h.printf("  %s %s\n", mark, line)
	}
}

// waitLines tells of a few producers one by one, and of many by stage and reason, as a plan does.
func waitLines(waits []dag.Change) []string {
	var lines, stages []string
	reasons, number := map[string][]string{}, map[string]int{} // by stage; of a reason
	for _, c := range waits {
		if len(waits) <= mostAlike {
			lines = append(lines, c.String())
			continue
		}
		stage, _, _ := strings.Cut(c.Upstream, "[")
		if reasons[stage] == nil {
			stages = append(stages, stage)
		}
		if reason := c.Common(); !slices.Contains(reasons[stage], reason) {
			reasons[stage] = append(reasons[stage], reason)
		}
		number[stage]++
		number[c.Common()]++
	}
	for _, stage := range stages {
		all := reasons[stage]
		if len(all) > mostReasons {
			lines = append(lines, fmt.Sprintf("%d x %s; %d other reasons: see pipe why %s", number[stage], all[0], len(all)-1, stage))
			continue
		}
		for _, reason := range all {
			lines = append(lines, fmt.Sprintf("%d x %s", number[reason], reason))
		}
	}
	return lines
}

// changedPart is a file of a folder, or a member of what is gathered, that differs.
func changedPart(f dag.FileChange) string {
	mark := map[string]string{"added": "+", "removed": "-"}[f.Kind]
	if mark == "" {
		mark = "~"
	}
	text := mark + " " + f.Path
	switch {
	case f.From != "":
		text += " (was " + f.From + ")"
	case f.Kind == "moved", f.Kind == "renamed", f.Words() != f.Kind:
		text += " (" + f.Words() + ")"
	case f.Kind == "added" && f.Address != "" && f.New == "":
		text += " (not made yet)"
	case f.Old != "" && f.New != "":
		text += fmt.Sprintf(" (%s -> %s)", f.Old.Short(), f.New.Short())
	}
	return text
}

// rootCause is a sweep that runs for reasons of its own, and what follows from it.
type rootCause struct {
	*sweep
	follow []string // addresses
}

// rootCauses finds where the runs of a plan begin.
func rootCauses(p *dag.Plan) []rootCause {
	origins := p.Origins()
	var own []dag.PlannedAction
	for _, a := range p.Actions {
		if slices.Contains(origins[a.Node.Address], a.Node.Address) {
			own = append(own, a)
		}
	}
	sweeps := sweeps(own)
	list := make([]rootCause, len(sweeps))
	in := map[string]*rootCause{} // by address
	for i, s := range sweeps {
		list[i].sweep = s
		for _, n := range s.nodes {
			in[n.Address] = &list[i]
		}
	}
	for _, a := range p.Actions {
		address := a.Node.Address
		if in[address] != nil {
			continue
		}
		for _, o := range origins[address] {
			if c := in[o]; len(c.follow) == 0 || c.follow[len(c.follow)-1] != address {
				c.follow = append(c.follow, address)
			}
		}
	}
	return list
}

// Causes writes a line a root cause, and how much follows from it.
func (h *Human) Causes(p *dag.Plan) {
	all := byStage(p)
	causes := rootCauses(p)
	if len(causes) > 0 {
		h.printf("%s\n", h.style.paint(bold, count(len(causes), "root cause")+":"))
	}
	var rows []string
	for _, c := range causes {
		follow := ""
		if len(c.follow) > 0 {
			follow = fmt.Sprintf(", %d may follow", len(c.follow))
		}
		rows = append(rows, fmt.Sprintf("  ~ %s\t%d %s%s\t%s", some(c.nodes, all[c.stage]), len(c.nodes), h.style.paint(yellow, "to run"),
			follow, clip(c.reason(), longestReason)))
	}
	h.clipped(rows...)
	h.total(p)
}

// Causes writes a line a root cause, then the counts.
func (j *JSON) Causes(p *dag.Plan) {
	all := byStage(p)
	for _, c := range rootCauses(p) {
		addresses := make([]string, len(c.nodes))
		for i, n := range c.nodes {
			addresses[i] = n.Address
		}
		text, exact := selector(c.nodes, all[c.stage])
		if !exact {
			text = "" // the addresses tell
		}
		j.write(struct {
			Type      string   `json:"type"`
			Selector  string   `json:"selector,omitempty"`
			Reason    string   `json:"reason"`
			Addresses []string `json:"addresses"`
			Follow    []string `json:"follow"`
		}{"root_cause", text, c.reason(), addresses, append([]string{}, c.follow...)})
	}
	j.write(struct {
		Type string `json:"type"`
		dag.PlanSummary
	}{"summary", p.Summary()})
}
