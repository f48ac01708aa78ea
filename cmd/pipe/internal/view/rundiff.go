package view

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pipe-ml/pipe/dag"
)

// RunDiff writes a line an instance that differs, then the counts.
func (j *JSON) RunDiff(d *dag.RunDiff) {
	for _, c := range d.Instances {
		j.write(struct {
			Type string `json:"type"`
			dag.InstanceChange
		}{"instance_diff", c})
	}
	j.write(struct {
		Type      string `json:"type"`
		Old       string `json:"old"`
		New       string `json:"new"`
		Same      int    `json:"same"`
		Different int    `json:"different"`
		Unasked   int    `json:"not_asked_for,omitempty"`
	}{"summary", d.Old, d.New, d.Same, len(d.Instances), d.Unasked})
}

// RunDiff writes each difference once for all instances of a stage that share it.
func (h *Human) RunDiff(d *dag.RunDiff) {
	h.printf("%s\n", h.style.paint(bold, d.Old+" -> "+d.New))
	for _, s := range sharedChanges(d.Instances) {
		h.printf("  %s %s", s.mark(h.style), s.name())
		for i, line := range s.lines() {
			if i == 0 {
				h.printf("   %s\n", line)
			} else {
				h.printf("      %s\n", line)
			}
		}
	}
	unasked := ""
	if d.Unasked > 0 {
		unasked = fmt.Sprintf(" %d of the older run were not asked for in the newer.", d.Unasked)
	}
	if len(d.Instances) == 0 {
		h.printf("%s %s the same.%s\n", h.style.paint(green, "No difference:"), count(d.Same, "instance"), unasked)
		return
	}
	h.printf("%s the same, %d not.%s\n", count(d.Same, "instance"), len(d.Instances), unasked)
}

// sharedChange is the instances of one stage that differ in the same way.
type sharedChange struct {
	what  []string
	state string // "+", "-" or "~"
	all   []dag.InstanceChange
}

// sharedChanges groups what differs. What differs by itself comes before what only reads other bytes.
func sharedChanges(list []dag.InstanceChange) []*sharedChange {
	var out []*sharedChange
	found := map[string]*sharedChange{}
	for _, c := range list {
		state, what := "~", causes(c)
		switch {
		case c.NewKey == "":
			state = "-"
		case c.OldKey == "":
			state = "+"
		}
		stage, _, _ := strings.Cut(c.Address, "[")
		id := stage + "\n" + state + "\n" + strings.Join(what, "\n")
		s := found[id]
		if s == nil {
			s = &sharedChange{what: what, state: state}
			found[id] = s
			out = append(out, s)
		}
		s.all = append(s.all, c)
	}
	slices.SortStableFunc(out, func(a, b *sharedChange) int { return a.effect() - b.effect() })
	return out
}

// effect is 1 for what differs only in what it reads, else 0.
func (s *sharedChange) effect() int {
	changes := s.all[0].Changes
	if len(changes) == 0 || slices.ContainsFunc(changes, func(c dag.Change) bool { return c.Kind != dag.ChangeInput || c.Upstream == "" }) {
		return 0
	}
	return 1
}

// causes says in which way an instance differs, without what belongs to it alone.
func causes(c dag.InstanceChange) []string {
	switch {
	case c.Failed:
		return []string{"failed in the newer run"}
	case c.OldKey == "" && c.Mended:
		return []string{"failed before"}
	case c.OldKey == "":
		return []string{"only in the newer run"}
	case c.NewKey == "":
		return []string{"only in the older run"}
	}
	var lines []string
	for _, x := range c.Changes {
		if stage, _, ok := strings.Cut(x.Upstream, "["); ok {
			x.Upstream = stage
		}
		lines = append(lines, x.String())
	}
	for _, what := range c.Gone {
		lines = append(lines, "the "+what+" is gone from the store")
	}
	return lines
}

func (s *sharedChange) mark(style Style) string {
	return style.paint(map[string]string{"+": green, "-": red, "~": yellow}[s.state], s.state)
}

func (s *sharedChange) name() string {
	var addresses []string
	for _, c := range s.all {
		addresses = append(addresses, c.Address)
	}
	if len(addresses) == 1 {
		return addresses[0]
	}
	return fmt.Sprintf("%s ×%d", positions(addresses), len(addresses))
}

// lines are the causes, then what came of them: metrics, as means where there are several, and outputs.
func (s *sharedChange) lines() []string {
	lines := append([]string(nil), s.what...)
	type mean struct {
		old, now   float64
		olds, nows int
	}
	metrics, outputs := map[string]*mean{}, map[string][]dag.OutputChange{}
	compared := 0
	for _, c := range s.all {
		for _, m := range c.Metrics {
			x := metrics[m.Name]
			if x == nil {
				x = new(mean)
				metrics[m.Name] = x
			}
			if m.Old != nil {
				x.olds++
				x.old += *m.Old
			}
			if m.New != nil {
				x.nows++
				x.now += *m.New
			}
		}
		for _, o := range c.Outputs {
			outputs[o.Name] = append(outputs[o.Name], o)
		}
		if c.OldKey != "" && c.NewKey != "" && len(c.Gone) == 0 {
			compared++
		}
	}
	value := func(sum float64, n int) string {
		if n == 0 {
			return "(none)"
		}
		return number(sum / float64(n))
	}
	for _, name := range sortedNames(metrics) {
		x := metrics[name]
		line := fmt.Sprintf("%s %s -> %s", name, value(x.old, x.olds), value(x.now, x.nows))
		if n := max(x.olds, x.nows); n > 1 {
			line += fmt.Sprintf(" (mean of the %d that differ)", n)
		}
		lines = append(lines, line)
	}
	for _, name := range sortedNames(outputs) {
		list := outputs[name]
		if len(list) == 1 && len(s.all) == 1 {
			lines = append(lines, fmt.Sprintf("output %s %s -> %s", name, orNone(list[0].Old), orNone(list[0].New)))
			continue
		}
		lines = append(lines, fmt.Sprintf("output %s has other bytes in %d of %d", name, len(list), len(s.all)))
	}
	if compared > 0 && len(outputs) == 0 {
		lines = append(lines, "the outputs are the same bytes")
	}
	return lines
}

func orNone(d dag.Digest) string {
	if d == "" {
		return "(none)"
	}
	return d.Short()
}
