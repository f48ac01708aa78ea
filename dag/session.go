package dag

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
)

// session is one call of Plan, Apply or Why: the graph with what is known of each of its nodes. Nodes may be
// settled by several goroutines as long as none is settled before what it reads.
type session struct {
	*resolver
	store   *Store
	shared  *shared
	g       *Graph
	audit   *audit
	replace map[string]bool
	states  map[string]*state
	before  map[Digest][]ManifestMember // lists of groups, read to compare with
	history func() (map[string]Last, error)
	started map[string]map[string]Event // run -> key -> why it ran
	diffs   map[[2]Digest][]FileChange  // of folders

	stageMeans func() map[string]float64 // seconds
}

// state is what a session knows of one node.
type state struct {
	node *Node

	// Of an instance:
	action *resolved
	result *Result // nil until it is in the store
	damage error   // why a result that is there cannot be used
	remote bool    // the result comes from the remote cache, or some of its content is still there only
	found  bool    // in the remote cache, by this session
	twin   string  // address of the instance with the same key that this run ran for both

	// Of a virtual vertex:
	list       []byte
	listDigest Digest
	members    []ManifestMember
}

// session selects a part of g and settles all of it that can be, level by level.
// warn is told what makes it poorer and does not stop it.
func (e *Engine) session(ctx context.Context, g *Graph, opts PlanOptions, warn func(string)) (*session, error) {
	if err := g.check(opts.Replace); err != nil {
		return nil, err
	}
	if len(opts.Target) > 0 {
		var err error
		if g, err = g.Subgraph(opts.Target); err != nil {
			return nil, err
		}
	}
	remote := e.remoteCache(warn)
	s := &session{
		resolver: &resolver{root: e.Root, files: e.Store.files, patience: probePatience},
		store:    e.Store, shared: remote, g: g, audit: &audit{store: e.Store, shared: remote},
		replace: map[string]bool{}, states: make(map[string]*state, len(g.Nodes())), before: map[Digest][]ManifestMember{},
		started: map[string]map[string]Event{}, diffs: map[[2]Digest][]FileChange{},
		history: sync.OnceValues(e.Store.history),
	}
	s.stageMeans = sync.OnceValue(s.meanSeconds)
	for _, a := range opts.Replace {
		s.replace[a] = true
	}
	for _, n := range g.Nodes() {
		s.states[n.Address] = &state{node: n}
	}
	var errs []error
	for _, level := range g.levels() {
		errs = append(errs, s.settleAll(ctx, level), s.ask(ctx, level))
	}
	return s, errors.Join(errs...)
}

// settleAll settles nodes that do not read each other.
func (s *session) settleAll(ctx context.Context, nodes []*Node) error {
	errs := make([]error, len(nodes))
	inParallel(len(nodes), runtime.GOMAXPROCS(0), func(i int) { errs[i] = s.settle(ctx, nodes[i]) })
	return errors.Join(errs...)
}

// settle finds out all that can be known of n from what is known of its producers.
func (s *session) settle(ctx context.Context, n *Node) error {
	st := s.states[n.Address]
	if n.Virtual() {
		members, ok := s.members(n, s)
		if !ok {
			return nil
		}
		var err error
		st.members = members
		if st.list, st.listDigest, err = canonicalMembers(members); err != nil {
			return fmt.Errorf("%s: %w", n.Address, err)
		}
		return nil
	}
	action, err := s.resolve(ctx, n, s)
	if err != nil {
		return err
	}
	st.action, st.result, st.damage, st.remote = action, nil, nil, false
	if action.key == "" || s.replace[n.Address] {
		return nil
	}
	st.result, st.damage, err = s.audit.result(action.key)
	if err != nil {
		return fmt.Errorf("%s: %w", n.Address, err)
	}
	st.remote = st.result != nil && (st.found || s.audit.away(st.result))
	return nil
}

// artifact implements known.
func (s *session) artifact(ref Ref) (Artifact, bool) {
	st := s.states[ref.Address]
	if st.result == nil {
		return Artifact{}, false
	}
	return st.result.Output(ref.Output)
}

// group implements known.
func (s *session) group(address string) (Digest, bool) {
	d := s.states[address].listDigest
	return d, d != ""
}

// waits are the producers of n whose outputs are not known, through groups.
func (s *session) waits(n *Node) []string {
	var out []string
	for _, a := range s.g.Predecessors(n.Address) {
		if p := s.states[a]; p.node.Virtual() {
			if p.listDigest == "" {
				out = append(out, s.waits(p.node)...)
			}
		} else if p.result == nil {
			out = append(out, a)
		}
	}
	return out
}

// levels groups the nodes by the length of the longest way to them.
func (g *Graph) levels() [][]*Node {
	depth := make(map[string]int, len(g.order))
	var levels [][]*Node
	for _, n := range g.order {
		d := 0
		for _, p := range g.preds[n.Address] {
			d = max(d, depth[p]+1)
		}
		depth[n.Address] = d
		if d == len(levels) {
			levels = append(levels, nil)
		}
		levels[d] = append(levels[d], n)
	}
	return levels
}
