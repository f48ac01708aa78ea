package dag

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Explanation says why an instance is in its state.
type Explanation struct {
	Address string   `json:"address"`
	State   string   `json:"state"`
	Reason  string   `json:"reason"` // one line
	Changes []Change `json:"changes"`
	Last    *Result  `json:"last,omitempty"` // of this address; nil if there is none
	LastRun string   `json:"last_run,omitempty"`
}

// Why explains the state of the instance at address: the exact difference between what it was made of when it
// last had a result, and now.
func (e *Engine) Why(ctx context.Context, g *Graph, address string) (*Explanation, error) {
	s, err := e.session(ctx, g, PlanOptions{Target: []string{address}})
	if err != nil {
		return nil, err
	}
	st := s.states[address]
	a, err := s.planned(st)
	if err != nil {
		return nil, err
	}
	x := &Explanation{Address: a.Node.Address, State: a.State, Reason: a.Reason}
	if x.Changes, err = s.changes(st); err != nil {
		return nil, err
	}
	for i := range x.Changes {
		s.detail(&x.Changes[i])
	}
	for _, w := range a.Waits {
		up, err := s.planned(s.states[w])
		if err != nil {
			return nil, err
		}
		x.Changes = append(x.Changes, Change{
			Kind: ChangeUpstream, Name: s.readAs(a.Node, w), Upstream: w, Reason: up.Reason, maybe: up.State == StateMaybe,
		})
	}
	last, err := e.Store.last(a.Node.Address)
	if err != nil {
		return nil, err
	}
	x.LastRun = last.Run
	if x.Last, err = e.Store.LastResult(a.Node.Address); errors.Is(err, ErrNoResult) {
		return x, nil
	}
	return x, err
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
	if last.Failed != "" && (last.Failed == st.action.key || len(out) > 0) {
		out = append(out, Change{Kind: ChangeFailed, Old: last.Error})
	}
	return out, nil
}

// diff compares with the last result of the address.
func (s *session) diff(st *state, last Last) ([]Change, error) {
	if last.Key == "" {
		return []Change{{Kind: ChangeNew}}, nil
	}
	var bad *BlobError
	old, err := s.store.Manifest(last.Key)
	if errors.As(err, &bad) {
		return []Change{{Kind: ChangeMissing, Name: "manifest"}}, nil
	} else if err != nil {
		return nil, err
	}
	out := s.compare(old, st)
	if len(out) > 0 || s.replace[st.node.Address] {
		return out, nil
	}
	// Nothing differs, as far as it is known: is the result still good for being found?
	r, damage, err := s.audit.result(last.Key)
	switch {
	case err != nil:
		return nil, err
	case damage != nil:
		return []Change{damaged(damage)}, nil
	case r == nil:
		return []Change{{Kind: ChangeMissing, Name: "result"}}, nil
	}
	return nil, nil
}

func damaged(err error) Change {
	var bad *BlobError
	if errors.As(err, &bad) && bad.Corrupt {
		return Change{Kind: ChangeCorrupt, Name: err.Error()}
	}
	return Change{Kind: ChangeMissing, Name: err.Error()}
}
