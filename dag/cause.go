package dag

import (
	"fmt"
	"slices"
	"strings"
)

// Cause is where a wave of runs begins: instances that have to run, or ran, for a reason of their own and not
// because of what they read from others.
type Cause struct {
	Addresses []string `json:"addresses"`
	Reason    string   `json:"reason"`
}

// addCauses joins lists of causes; those with one reason become one.
func addCauses(to []Cause, more ...Cause) []Cause {
	for _, m := range more {
		i := slices.IndexFunc(to, func(c Cause) bool { return c.Reason == m.Reason })
		if i < 0 {
			to = append(to, Cause{Reason: m.Reason})
			i = len(to) - 1
		}
		for _, a := range m.Addresses {
			if !slices.Contains(to[i].Addresses, a) {
				to[i].Addresses = append(slices.Clip(to[i].Addresses), a)
			}
		}
	}
	return to
}

// causeText tells the first cause; its address is left out if it is the one that was just named.
func causeText(causes []Cause, named string) string {
	first := causes[0]
	text := first.Reason
	if len(first.Addresses) != 1 || first.Addresses[0] != named {
		text = list(first.Addresses, 1) + ": " + first.Reason
	}
	if len(causes) > 1 {
		text += fmt.Sprintf("; and %d more causes", len(causes)-1)
	}
	return text
}

// own says whether an instance runs for a reason of its own: anything but what its producers made or will make.
func (a PlannedAction) own() bool {
	return slices.ContainsFunc(a.Changes, func(c Change) bool {
		if c.Kind != ChangeInput || len(a.Waits) == 0 {
			return true
		}
		return !c.group || slices.ContainsFunc(c.Files, func(f FileChange) bool { return f.Kind != "added" || f.New != "" })
	})
}

// Origins says for each instance that runs, or may run, from which instances that follows: from itself, from what
// it waits for, or from both.
func (p *Plan) Origins() map[string][]string {
	origins := map[string][]string{}
	for _, a := range p.Actions { // producers come before their readers
		if a.State == StateCached {
			continue
		}
		var from []string
		if a.own() {
			from = append(from, a.Node.Address)
		}
		seen := map[string]bool{}
		for _, w := range a.Waits {
			for _, o := range origins[w] {
				if !seen[o] {
					seen[o] = true
					from = append(from, o)
				}
			}
		}
		origins[a.Node.Address] = from
	}
	return origins
}

// causes are the origins of an instance with their reasons.
func (p *Plan) causes(origins map[string][]string, address string) []Cause {
	var out []Cause
	byAddress := p.byAddress()
	for _, o := range origins[address] {
		out = addCauses(out, Cause{[]string{o}, byAddress[o].Reason})
	}
	return out
}

func (p *Plan) byAddress() map[string]PlannedAction {
	m := make(map[string]PlannedAction, len(p.Actions))
	for _, a := range p.Actions {
		m[a.Node.Address] = a
	}
	return m
}

// ran is why a result was made: what its run told when it started.
func (s *session) ran(r *Result) (Event, bool) {
	if s.started[r.Run] == nil {
		entries, err := s.store.Journal(r.Run)
		if err != nil {
			entries = nil // runs may be gone: the result is good without them
		}
		s.started[r.Run] = map[string]Event{}
		for _, e := range entries {
			if e.Type == EventStart {
				s.started[r.Run][e.Key] = e.Event
			}
		}
	}
	e, ok := s.started[r.Run][r.Key]
	return e, ok
}

// rootCauses are the causes of changes that come from producers, and the instance itself with its own reason beside
// them if it has one. There are none if it has nothing but its own.
func rootCauses(changes []Change, address string) []Cause {
	var own []Change
	var out []Cause
	for _, c := range changes {
		if len(c.Causes) == 0 {
			own = append(own, c)
		}
		out = addCauses(out, c.Causes...)
	}
	if len(out) > 0 && len(own) > 0 {
		out = addCauses(out, Cause{[]string{address}, reason(own)})
	}
	return out
}

// since fills in why the producers of a changed input ran, where they did so after the last result of its reader.
func (s *session) since(c *Change, last *Result) {
	for _, address := range s.producers(c) {
		r := s.states[address].result
		if r == nil || !r.Started.After(last.Started) {
			continue
		}
		if e, ok := s.ran(r); ok {
			if len(e.Causes) > 0 {
				c.Causes = addCauses(c.Causes, e.Causes...)
			} else {
				c.Causes = addCauses(c.Causes, Cause{[]string{r.Address}, e.Reason})
			}
		}
	}
}

// producers are the instances whose outputs make an input differ.
func (s *session) producers(c *Change) []string {
	switch {
	case c.Kind != ChangeInput || c.Upstream == "":
		return nil
	case !c.group:
		if s.states[c.Upstream].node.Virtual() {
			return nil
		}
		return []string{c.Upstream}
	}
	var out []string
	for _, f := range c.Files {
		if f.New != "" && f.Kind != "retyped" && f.Kind != "reordered" { // a moved one has no digest
			out = append(out, f.Address)
		}
	}
	return out
}

// common is the change without what is peculiar to one instance: addresses, members, digests and, if values are
// not wanted, the old and the new value.
func (c Change) common(values bool) Change {
	c.vague = !values
	c.Upstream = stageOf(c.Upstream)
	var causes []Cause
	for _, cause := range c.Causes {
		var stages []string
		for _, a := range cause.Addresses {
			if s := stageOf(a); !slices.Contains(stages, s) {
				stages = append(stages, s)
			}
		}
		causes = addCauses(causes, Cause{stages, cause.Reason})
	}
	if c.Causes = causes; len(causes) > 0 {
		c.Pos = Pos{} // where the cause is written is told
	}
	if c.group {
		c.vague = true
	}
	if c.alike != "" {
		c.Reason = c.alike
	}
	c.Name, _, _ = strings.Cut(c.Name, " (") // the member
	switch c.Kind {
	case ChangeMissing, ChangeCorrupt:
		c.Name, _, _ = strings.Cut(c.Name, ":")
	case ChangeEvicted:
		c.Name = "" // when
	}
	return c
}

// Common is the line of a change without what is peculiar to one instance.
func (c Change) Common() string { return c.common(true).String() }

// Common is the reason without what is peculiar to one instance, so that a sweep shares it; without values it
// does not tell old and new values either.
func (a PlannedAction) Common(values bool) string {
	changes := make([]Change, len(a.Changes))
	for i, c := range a.Changes {
		changes[i] = c.common(values)
	}
	return reason(changes)
}

func stageOf(address string) string {
	stage, _, _ := strings.Cut(address, "[")
	return stage
}
