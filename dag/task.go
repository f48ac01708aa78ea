package dag

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
)

// task is all that running an action takes: it shares nothing with the scheduler.
type task struct {
	node    *Node
	action  *resolved
	inputs  []source
	lists   [][]byte // of gathered inputs, for the store
	origins []Origin // of the inputs
	replace bool     // even if another run has just done it
	reason  string
	causes  []Cause
	expect  float64
	rank    float64
	want    demand
	cards   []string // of this machine, given to it when it starts

	runID       string
	log         string // path
	scratch     string // path, see Request
	root        string
	store       *Store
	shared      *shared
	claims      *claims
	executor    Executor
	remote      bool          // executor is a Remote
	gate        chan struct{} // of remote actions: few are prepared and collected at once
	emit        func(Event)
	interrupted func() bool // then it is not tried again
}

// source is where an input comes from: the store, a path outside, or members.
type source struct {
	name    string
	digest  Digest
	size    int64
	as      string // last element of its path in the work folder
	outside string
	members []source
	axes    []Axis // of a member
}

// outcome is how a task went.
type outcome struct {
	task    *task
	result  *Result
	seconds float64
	cached  bool // another run had done it
	remote  bool // and it is from the remote cache
	claimed bool // another run is doing it
	fetched bool // it was no action, but the fetching of what is to be published of one
	err     error
}

// task gathers what the action of st needs, all of whose producers have ended.
func (r *run) task(st *state) *task {
	t := &task{
		node: st.node, action: st.action, replace: r.replace[st.node.Address], rank: r.rank[st.node.Address],
		want: r.total.want(st.node), runID: r.feed.journal.id, log: r.store.logFile(st.action.key), scratch: r.store.unfinished(st.action.key), root: cmp.Or(st.node.Root, r.root),
		store: r.store, shared: r.shared, claims: r.claims,
		executor: r.engine.Executor, gate: r.gate, emit: r.feed.emit, interrupted: r.interrupted,
		expect: r.plans[st.node.Address].Expect,
	}
	if !st.node.here() {
		t.executor, t.remote = r.engine.Executors[st.node.Executor], true
	}
	changes := r.plans[st.node.Address].Changes
	t.reason = r.plans[st.node.Address].Reason
	if r.plans[st.node.Address].State != StateRun { // what it waited for has told
		var err error
		if changes, err = r.changes(st); err == nil {
			t.reason = reason(changes)
		}
	}
	t.causes = rootCauses(changes, st.node.Address)
	r.started[t.runID][st.action.key] = Event{Reason: t.reason, Causes: t.causes}
	t.inputs, t.lists, t.origins = r.sources(st)
	return t
}

// sources are where the inputs of st come from, the lists of what it gathers, and which results made them. All its
// producers have results.
func (s *session) sources(st *state) (inputs []source, lists [][]byte, origins []Origin) {
	for i, in := range st.node.Inputs {
		mi := st.action.manifest.Inputs[i]
		src := source{name: in.Name, digest: mi.Digest, as: mi.As, outside: in.Path}
		origin := Origin{Input: in.Name, Path: in.Path}
		switch {
		case in.From != nil:
			a, _ := s.artifact(*in.From)
			src.size = a.Size
			origin.Keys, origin.Output = []string{s.states[in.From.Address].action.key}, in.From.Output
		case in.Group != "":
			group := s.states[in.Group]
			lists = append(lists, group.list)
			for j, m := range group.members {
				ref := group.node.Group[j].Ref
				a, _ := s.artifact(ref)
				src.members = append(src.members, source{digest: m.Digest, size: a.Size, as: m.As, axes: m.Axes})
				origin.Keys, origin.Output = append(origin.Keys, s.states[ref.Address].action.key), ref.Output
			}
		}
		inputs, origins = append(inputs, src), append(origins, origin)
	}
	return inputs, lists, origins
}

// fill puts the inputs into the work folder and tells the request where they are. What is outside the store is
// read where it lies: it may be large, and its digest is checked again after the run.
func (t *task) fill(f *folder, req *Request) error {
	for _, in := range t.inputs {
		path := filepath.Join(f.path, "inputs", in.as)
		switch {
		case in.outside != "":
			req.Inputs[in.name] = InputPaths{Path: in.outside}
		case t.grouped(in.name):
			paths, err := f.gather(path, in.members)
			if err != nil {
				return err
			}
			req.Inputs[in.name] = paths
		default:
			if err := f.place(in.digest, in.size, path, false); err != nil {
				return err
			}
			req.Inputs[in.name] = InputPaths{Path: path}
		}
	}
	return nil
}

// placeCode copies the node's code into the work folder, under its own names.
func (t *task) placeCode(f *folder) error {
	for _, file := range t.node.Code {
		from, to := filepath.Join(t.root, filepath.FromSlash(file)), filepath.Join(f.path, filepath.FromSlash(file))
		info, err := os.Stat(from)
		if err == nil {
			err = os.MkdirAll(filepath.Dir(to), 0o755)
		}
		if err == nil {
			err = copyFile(to, from)
		}
		if err == nil {
			err = os.Chmod(to, info.Mode().Perm())
		}
		if err != nil {
			return broken(fmt.Errorf("code: %w", err))
		}
	}
	return nil
}

func (t *task) grouped(name string) bool {
	for _, in := range t.action.manifest.Inputs {
		if in.Name == name {
			return in.Group
		}
	}
	return false
}

// gather places the members of a group, each under its number.
func (f *folder) gather(dir string, members []source) (InputPaths, error) {
	paths := InputPaths{Members: make([]InputMember, len(members))}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return paths, err
	}
	for i, m := range members {
		path := filepath.Join(dir, m.as)
		if err := f.place(m.digest, m.size, path, false); err != nil {
			return paths, err
		}
		paths.Members[i] = InputMember{Axes: m.axes, Path: path}
	}
	return paths, nil
}
