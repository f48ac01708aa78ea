package view

import (
	"fmt"
	"strings"
	"time"

	"github.com/pipe-ml/pipe/dag"
)

// SavedPlan is what a plan file holds.
type SavedPlan struct {
	Made    time.Time
	Command []string // the plan that was asked for, without what is sensitive
	Actions dag.SavedPlan
}

// SavedPlan writes what was planned, then the instances of each stage in the same state in a line, as far as they are not cached.
func (h *Human) SavedPlan(file string, p SavedPlan) {
	h.printf("%s of %s: %s\n", h.style.paint(bold, "Plan"), clock(p.Made), strings.Join(p.Command, " "))
	counts := map[string]int{}
	type group struct{ stage, state string }
	var groups []group
	members := map[group][]string{}
	for _, a := range p.Actions {
		counts[a.State]++
		stage, _, _ := strings.Cut(a.Address, "[")
		g := group{stage, a.State}
		if a.State == dag.StateCached {
			continue
		}
		if members[g] == nil {
			groups = append(groups, g)
		}
		members[g] = append(members[g], a.Address)
	}
	var rows []string
	for _, g := range groups {
		mark, word := "~", h.style.paint(yellow, "to run")
		if g.state == dag.StateMaybe {
			mark, word = "?", h.style.paint(blue, "maybe")
		}
		rows = append(rows, fmt.Sprintf("  %s %s\t%d %s", mark, positions(members[g]), len(members[g]), word))
	}
	h.table(rows...)
	h.printf("%d to run, %d maybe, %d cached. To run exactly this: pipe apply %s\n",
		counts[dag.StateRun], counts[dag.StateMaybe], counts[dag.StateCached], shellQuote(file))
}

// SavedPlan writes a line about the plan, then a line an instance.
func (j *JSON) SavedPlan(file string, p SavedPlan) {
	j.write(struct {
		Type    string    `json:"type"`
		File    string    `json:"file"`
		Made    time.Time `json:"made"`
		Command []string  `json:"command"`
	}{"saved_plan", file, p.Made, p.Command})
	for _, a := range p.Actions {
		j.write(struct {
			Type    string `json:"type"`
			Address string `json:"address"`
			State   string `json:"state"`
		}{"saved_action", a.Address, a.State})
	}
}
