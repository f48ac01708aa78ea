package dag

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Explanation says why an instance is in its state.
type Explanation struct {
	Address string   `json:"address"`
	State   string   `json:"state"`
	Remote  bool     `json:"remote,omitempty"` // cached: it comes from the remote cache, or some of its content is still there only
	Reason  string   `json:"reason"`           // one line
	Changes []Change `json:"changes"`
	Causes  []Cause  `json:"causes,omitempty"` // where it begins, if not here: what is to run, or ran, before
	Last    *Result  `json:"last,omitempty"`   // its result, else the last one of this address; nil if there is none
	LastRun string   `json:"last_run,omitempty"`
	Ran     string   `json:"ran,omitempty"`        // why Last was made, as its run told
	RanFrom []Cause  `json:"ran_causes,omitempty"` // where that began, if not there
}

// Why explains the state of the instance at address: the exact difference between what it was made of when it
// last had a result, and now.
func (e *Engine) Why(ctx context.Context, g *Graph, address string) (*Explanation, error) {
	s, err := e.session(ctx, g, PlanOptions{Target: []string{address}}, e.Warn)
	if err != nil {
		return nil, err
	}
	p, err := s.plan()
	if err != nil {
		return nil, err
	}
	all, origins := p.byAddress(), p.Origins()
	a := all[address]
	x := &Explanation{Address: address, State: a.State, Remote: a.Remote, Reason: a.Reason, Changes: slices.Clone(a.Changes)}
	x.Causes = rootCauses(x.Changes, address)
	for i := range x.Changes {
		if c := &x.Changes[i]; c.Files == nil && !c.group {
			s.detail(c, "")
		}
	}
	for _, w := range a.Waits {
		causes := p.causes(origins, w)
		x.Causes = addCauses(x.Causes, causes...)
		x.Changes = append(x.Changes, Change{
			Kind: ChangeUpstream, Name: s.readAs(a.Node, w), Upstream: w, Reason: all[w].Reason, Causes: causes,
			alike: all[w].Common(true), maybe: all[w].State == StateMaybe,
		})
	}
	return x, s.tellLast(x)
}

// tellLast fills in the last result and why it was made.
func (s *session) tellLast(x *Explanation) error {
	last, err := s.store.last(x.Address)
	if err != nil {
		return err
	}
	x.LastRun = last.Run
	if x.Last = s.states[x.Address].result; x.Last == nil && last.Key != "" {
		if x.Last, err = s.store.Result(last.Key); errors.Is(err, ErrNoResult) {
			x.Last = nil
		} else if err != nil {
			return err
		}
	}
	if x.Last != nil {
		if e, ok := s.ran(x.Last); ok {
			x.Ran, x.RanFrom = e.Reason, e.Causes
		}
	}
	return nil
}

// readAs names the inputs through which n reads what producer makes.
func (s *session) readAs(n *Node, producer string) string {
	var names []string
	for _, in := range n.Inputs {
		switch {
		case in.From != nil && in.From.Address == producer:
			names = append(names, in.Name)
		case in.Group != "":
			for _, m := range s.states[in.Group].node.Group {
				if m.Ref.Address == producer {
					names = append(names, fmt.Sprintf("%s (%s)", in.Name, memberName(axesText(m.Axes), s.states[in.Group].node)))
					break
				}
			}
		}
	}
	return strings.Join(names, ", ")
}

// changes are the reasons why st is not cached. There are none if only its producers can tell, or if it is.
func (s *session) changes(st *state) ([]Change, error) {
	history, err := s.history()
	if err != nil {
		return nil, err
	}
	last := history[st.node.Address]
	if st.result != nil {
		return nil, nil
	}
	var out []Change
	if s.replace[st.node.Address] {
		out = append(out, Change{Kind: ChangeReplace})
	}
	if st.damage != nil {
		out = append(out, damaged(st.damage))
	}
	switch diff, err := s.diff(st, last); {
	case err != nil:
		return nil, err
	case st.damage == nil: // else the result is of this very manifest
		out = append(out, diff...)
	}
	if last.Failed != "" && (last.Failed == st.action.key || len(out) > 0 || last.Key == "") {
		failed := Change{Kind: ChangeFailed, Old: last.Error}
		if log := s.store.logFile(last.Failed); exists(log) {
			failed.Log = log
		}
		if last.Key == "" { // what else differs does so from that attempt
			return slices.Insert(out, 0, failed), nil
		}
		out = append(out, failed)
	}
	return out, nil
}

// manifestBlob is the name of a Change that says that the manifest of the last result is gone.
const manifestBlob = "manifest"

// diff compares with the last result of the address, or with its last attempt if it never had one.
func (s *session) diff(st *state, last Last) ([]Change, error) {
	before := cmp.Or(last.Key, last.Failed)
	switch before {
	case "":
		return []Change{{Kind: ChangeNew}}, nil
	case st.action.key:
	default:
		var bad *BlobError
		old, err := s.store.Manifest(before)
		switch {
		case errors.As(err, &bad) && bad.Corrupt:
			return []Change{{Kind: ChangeCorrupt, Name: manifestBlob}}, nil
		case bad != nil:
			return []Change{s.missing(before, manifestBlob)}, nil
		case err != nil:
			return nil, err
		}
		var secret []string
		if r, err := s.store.Result(before); err == nil {
			secret = r.Secret
		}
		if out := s.compare(old, st, secret); len(out) > 0 {
			return out, s.traced(out, before)
		}
	}
	if last.Key == "" || s.replace[st.node.Address] {
		return nil, nil
	}
	// Nothing differs, as far as it is known: is the result still good for being found?
	r, damage, err := s.audit.result(last.Key)
	switch {
	case err != nil:
		return nil, err
	case damage != nil:
		return []Change{damaged(damage)}, nil
	case r == nil && exists(s.store.record(last.Key)):
		return []Change{{Kind: ChangeCorrupt, Name: "its record is torn"}}, nil
	case r == nil:
		return []Change{s.missing(last.Key, "its record is gone")}, nil
	}
	return nil, nil
}

// traced fills in why the producers ran whose outputs changed since the last result.
func (s *session) traced(changes []Change, key string) error {
	last, err := s.store.Result(key)
	if errors.Is(err, ErrNoResult) {
		return nil
	} else if err != nil {
		return err
	}
	for i := range changes {
		s.since(&changes[i], last)
	}
	return nil
}

func damaged(err error) Change {
	var bad *BlobError
	if errors.As(err, &bad) && bad.Corrupt {
		return Change{Kind: ChangeCorrupt, Name: err.Error()}
	}
	return Change{Kind: ChangeMissing, Name: err.Error()}
}

// missing says what became of a result that is not there.
func (s *session) missing(key, what string) Change {
	if at := s.store.Evicted(key); !at.IsZero() {
		return Change{Kind: ChangeEvicted, Name: at.UTC().Format(time.RFC3339)}
	}
	return Change{Kind: ChangeMissing, Name: what}
}
