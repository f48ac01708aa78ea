package dag

import (
	"context"
	"fmt"
)

// The states of a planned instance.
const (
	StateCached = "cached" // its result is in the store
	StateRun    = "run"    // it will run
	StateMaybe  = "maybe"  // it will run unless what it waits for comes out as it was
)

// Plan is what a run would do.
type Plan struct {
	Actions []PlannedAction // in topological order, without virtual vertices
	Publish int             // publications of cached instances that are not in their place
	Blocked []error         // publications likewise, which something stands in the way of
}

// PlannedAction is one instance of a plan.
type PlannedAction struct {
	Node     *Node
	State    string    // StateCached, StateRun or StateMaybe
	Remote   bool      // cached: it comes from the remote cache, or some of its content is still there only
	Reason   string    // one line: why it runs, or what would spare it
	Changes  []Change  // why it runs; none if only what it waits for can tell
	Key      string    // "" while an input is not known
	Manifest *Manifest // what it is made of; an input that is not known has no digest
	Waits    []string  // producers whose outputs are not known yet
	Expect   float64   // seconds that it will take: as the last time, else as the mean of its stage; 0 if unknown
}

// Summary counts the plan's actions.
func (p *Plan) Summary() PlanSummary {
	c := PlanSummary{Total: len(p.Actions), Publish: p.Publish, Blocked: len(p.Blocked)}
	for _, a := range p.Actions {
		switch a.State {
		case StateCached:
			c.Cached++
			if a.Remote {
				c.Remote++
			}
		case StateRun:
			c.Run++
		default:
			c.Maybe++
		}
	}
	return c
}

// Plan says of every instance of g whether it is cached, will run, or may run, and which of pubs would be published
// though nothing runs: those of what runs follow from it. It changes nothing but the
// caches of the store. Inputs and code files that are not there, and instances that this engine could never run,
// are errors, all reported at once.
func (e *Engine) Plan(ctx context.Context, g *Graph, pubs []Publication, opts PlanOptions) (*Plan, error) {
	s, p, err := e.planned(ctx, g, opts, e.Warn)
	if err != nil {
		return nil, err
	}
	for _, pub := range pubs {
		due, err := s.due(pub)
		switch {
		case err != nil:
			p.Blocked = append(p.Blocked, fmt.Errorf("output %s%s: %w", pub.Name, pub.Pos.note(), err))
		case due:
			p.Publish++
		}
	}
	return p, nil
}

// due says whether an artifact that is known is not where it is to be published, or why it cannot be.
func (s *session) due(pub Publication) (bool, error) {
	if s.states[pub.Ref.Address] == nil {
		return false, nil // it is not of this part of the graph
	}
	a, ok := s.artifact(pub.Ref)
	if !ok {
		return false, nil
	}
	if now, err := s.files.digest(pub.Path); err == nil && now == a.Digest {
		return false, nil
	}
	return true, s.store.checkPlace(pub.Path)
}

func (s *session) plan() (*Plan, error) {
	p := &Plan{}
	for _, n := range s.g.Nodes() {
		if n.Virtual() {
			continue
		}
		a, err := s.planned(s.states[n.Address])
		if err != nil {
			return nil, err
		}
		p.Actions = append(p.Actions, a)
	}
	return p, nil
}

func (s *session) planned(st *state) (PlannedAction, error) {
	a := PlannedAction{Node: st.node, Key: st.action.key, Manifest: st.action.manifest, State: StateCached}
	if st.result != nil {
		a.Remote = st.remote
		return a, nil
	}
	changes, err := s.changes(st)
	if err != nil {
		return a, err
	}
	a.Expect, a.State, a.Waits = s.expect(st.node), StateRun, s.waits(st.node)
	if len(changes) == 0 { // only what it waits for can tell
		a.State, a.Reason = StateMaybe, "skipped if "+list(a.Waits, 3)+" is unchanged"
		if len(a.Waits) > 1 {
			a.Reason = "skipped if " + list(a.Waits, 3) + " are unchanged"
		}
		return a, nil
	}
	a.Reason, a.Changes = reason(changes), changes
	return a, nil
}

// reason is the first line of an explanation.
func reason(changes []Change) string {
	texts := make([]string, len(changes))
	for i, c := range changes {
		texts[i] = c.String()
	}
	return list(texts, 2)
}

// expect is how many seconds n will take: as the last time, else as the mean of its stage, else 0.
func (s *session) expect(n *Node) float64 {
	history, err := s.history()
	if err != nil {
		return 0 // estimates are not worth failing for
	}
	if own := history[n.Address].Seconds; own > 0 {
		return own
	}
	return s.stageMeans()[n.Stage]
}

// meanSeconds is what the instances of each stage took on average.
func (s *session) meanSeconds() map[string]float64 {
	history, err := s.history()
	if err != nil {
		return nil
	}
	means, counts := map[string]float64{}, map[string]float64{}
	for _, n := range s.g.Nodes() { // in a fixed order: the means decide what goes first
		if took := history[n.Address].Seconds; took > 0 {
			counts[n.Stage]++
			means[n.Stage] += (took - means[n.Stage]) / counts[n.Stage]
		}
	}
	return means
}
