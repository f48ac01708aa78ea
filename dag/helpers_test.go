package dag

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// rig is an engine on a store of its own, with what its workers did.
type rig struct {
	*testing.T
	dir    string
	engine *Engine
	mu     sync.Mutex
	events []Event
}

func newRig(t *testing.T) *rig {
	t.Helper()
	dir := t.TempDir()
	t.Setenv(roleEnv, "worker")
	t.Setenv(traceEnv, filepath.Join(dir, "trace"))
	r := &rig{T: t, dir: dir}
	r.engine = r.open()
	return r
}

// open gives another engine on the same store.
func (r *rig) open() *Engine {
	r.Helper()
	s, err := Open(filepath.Join(r.dir, "store"))
	if err != nil {
		r.Fatal(err)
	}
	l := &Local{Argv: []string{os.Args[0]}}
	r.Cleanup(func() {
		l.Close()
		if err := s.Close(); err != nil {
			r.Error(err)
		}
	})
	return &Engine{Store: s, Root: r.dir, Executor: l}
}

func (r *rig) graph(nodes ...*Node) *Graph {
	r.Helper()
	g, err := New(nodes)
	if err != nil {
		r.Fatal(err)
	}
	return g
}

func (r *rig) apply(opts ApplyOptions, nodes ...*Node) *Summary {
	r.Helper()
	r.events = nil
	opts.Parallelism = cmp.Or(opts.Parallelism, 2)
	sum, err := r.engine.Apply(context.Background(), r.graph(nodes...), nil, opts, func(e Event) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.events = append(r.events, e)
	})
	if err != nil {
		r.Fatal(err)
	}
	return sum
}

// counts checks total, cached, executed, failed and skipped.
func (r *rig) counts(sum *Summary, total, cached, executed, failed, skipped int) {
	r.Helper()
	if sum.Total != total || sum.Cached != cached || sum.Executed != executed || sum.Failed != failed || sum.Skipped != skipped {
		r.Fatalf("total %d, cached %d, executed %d, failed %d, skipped %d; want %d %d %d %d %d; failures %+v",
			sum.Total, sum.Cached, sum.Executed, sum.Failed, sum.Skipped, total, cached, executed, failed, skipped, sum.Failures)
	}
}

// planned gives the plan of the instance at address.
func (r *rig) planned(address string, nodes ...*Node) PlannedAction {
	r.Helper()
	p, err := r.engine.Plan(context.Background(), r.graph(nodes...), nil, PlanOptions{})
	if err != nil {
		r.Fatal(err)
	}
	for _, a := range p.Actions {
		if a.Node.Address == address {
			return a
		}
	}
	r.Fatalf("%s is not in the plan", address)
	return PlannedAction{}
}

// content is what the last result of an address made as output "out".
func (r *rig) content(address string) string {
	r.Helper()
	res, err := r.engine.Store.LastResult(address)
	if err != nil {
		r.Fatalf("%s: %v", address, err)
	}
	a, ok := res.Output("out")
	if !ok {
		r.Fatalf("%s has no output out", address)
	}
	dst := filepath.Join(r.TempDir(), "x")
	if err := r.engine.Store.Export(a.Digest, dst); err != nil {
		r.Fatal(err)
	}
	return readAll(dst)
}

// blobOf is the path of the blob of an instance's output "out".
func (r *rig) blobOf(address string) string {
	r.Helper()
	res, err := r.engine.Store.LastResult(address)
	if err != nil {
		r.Fatal(err)
	}
	a, _ := res.Output("out")
	return r.engine.Store.blob(a.Digest.Hex())
}

// performed is how often the workers did each address.
func (r *rig) performed() map[string]int {
	r.Helper()
	raw, err := os.ReadFile(filepath.Join(r.dir, "trace"))
	if err != nil && !os.IsNotExist(err) {
		r.Fatal(err)
	}
	n := map[string]int{}
	for line := range strings.Lines(string(raw)) {
		n[strings.TrimSpace(line)]++
	}
	return n
}

func (r *rig) write(name, text string) string {
	r.Helper()
	path := filepath.Join(r.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		r.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		r.Fatal(err)
	}
	return path
}

// node makes an instance of type typ with the output file out.txt. Inputs read "out" of other instances.
func node(address, typ, text string, inputs ...string) *Node {
	stage, _, _ := strings.Cut(address, "[")
	n := &Node{
		Address: address, Stage: stage, Type: typ, Version: 1, Config: map[string]any{"text": text},
		Outputs: []Output{{Name: "out", Kind: "text", Path: "out.txt"}},
	}
	names := []string{"in", "second", "third"}
	for i, from := range inputs {
		n.Inputs = append(n.Inputs, Input{Name: names[i], From: &Ref{from, "out"}})
	}
	return n
}

// group makes the virtual vertex of instances with one axis each.
func group(address string, members ...string) *Node {
	g := &Node{Address: address, Group: []Member{}}
	for _, m := range members {
		g.Group = append(g.Group, Member{Axes: []Axis{{"name", m}}, Ref: Ref{m, "out"}})
	}
	return g
}

func gathering(n *Node, groups ...string) *Node {
	for _, g := range groups {
		n.Inputs = append(n.Inputs, Input{Name: "all_" + g, Group: g})
	}
	return n
}
