package dag

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/dominikbraun/graph"
)

// Graph is an immutable directed acyclic graph of nodes.
type Graph struct {
	storage graph.Graph[string, *Node]
	order   []*Node             // topological; ties in the order given to New
	preds   map[string][]string // in topological order
	succs   map[string][]string // likewise
}

// New builds the graph that the nodes' inputs and groups describe. All references that lead nowhere are
// reported at once; a cycle is reported as the path that closes it.
func New(nodes []*Node) (*Graph, error) {
	g := &Graph{
		storage: graph.New(func(n *Node) string { return n.Address }, graph.Directed()),
		preds:   make(map[string][]string, len(nodes)), succs: make(map[string][]string, len(nodes)),
	}
	for _, n := range nodes {
		if err := g.storage.AddVertex(n); err != nil {
			return nil, fmt.Errorf("%s is declared twice", n.Address)
		}
	}
	var errs []error
	for _, n := range nodes { // in the order given, so that every list of successors is in that order
		errs = append(errs, g.connect(n))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return g, g.sort(nodes)
}

// connect adds the edges from what n reads to n.
func (g *Graph) connect(n *Node) error {
	var errs []error
	for _, in := range n.Inputs {
		switch {
		case in.From != nil:
			errs = append(errs, g.link(n, "input "+in.Name, *in.From))
		case in.Group != "":
			group, err := g.storage.Vertex(in.Group)
			if err != nil || !group.Virtual() {
				errs = append(errs, fmt.Errorf("%s: input %s gathers %s, which is not a group of this graph", n.Address, in.Name, in.Group))
				continue
			}
			errs = append(errs, g.edge(in.Group, n.Address))
		case in.Path == "":
			errs = append(errs, fmt.Errorf("%s: input %s has no source", n.Address, in.Name))
		}
	}
	for i, m := range n.Group {
		errs = append(errs, g.link(n, fmt.Sprintf("member %d", i), m.Ref))
	}
	return errors.Join(errs...)
}

func (g *Graph) link(n *Node, what string, ref Ref) error {
	from, err := g.storage.Vertex(ref.Address)
	if err != nil {
		return fmt.Errorf("%s: %s reads %s, which is not in the graph", n.Address, what, ref.Address)
	}
	if !slices.ContainsFunc(from.Outputs, func(o Output) bool { return o.Name == ref.Output }) {
		return fmt.Errorf("%s: %s reads %s of %s, which has no such output", n.Address, what, ref.Output, ref.Address)
	}
	return g.edge(ref.Address, n.Address)
}

// edge adds an edge between two vertices that exist. Two inputs from one producer are one edge.
func (g *Graph) edge(from, to string) error {
	switch err := g.storage.AddEdge(from, to); {
	case err == nil:
		g.succs[from] = append(g.succs[from], to)
	case !errors.Is(err, graph.ErrEdgeAlreadyExists):
		return fmt.Errorf("edge %s -> %s: %w", from, to, err)
	}
	return nil
}

// sort fills in order and preds by Kahn's algorithm, in O(V+E). The library's own sort scans every vertex for
// each one that it emits.
func (g *Graph) sort(nodes []*Node) error {
	waiting := make(map[string]int, len(nodes))
	for _, readers := range g.succs {
		for _, to := range readers {
			waiting[to]++
		}
	}
	g.order = make([]*Node, 0, len(nodes))
	for _, n := range nodes {
		if waiting[n.Address] == 0 {
			g.order = append(g.order, n)
		}
	}
	for i := 0; i < len(g.order); i++ {
		from := g.order[i].Address
		for _, to := range g.succs[from] {
			g.preds[to] = append(g.preds[to], from)
			if waiting[to]--; waiting[to] == 0 {
				n, err := g.storage.Vertex(to)
				if err != nil {
					return fmt.Errorf("reading the graph: %w", err)
				}
				g.order = append(g.order, n)
			}
		}
	}
	if len(g.order) < len(nodes) {
		pm, err := g.storage.PredecessorMap()
		if err != nil {
			return fmt.Errorf("reading the graph: %w", err)
		}
		return &CycleError{Path: cycle(nodes, pm, waiting)}
	}
	return nil
}

// cycle finds one cycle among the nodes that the sort could not emit: each of them waits for another one.
func cycle(nodes []*Node, pm map[string]map[string]graph.Edge[string], waiting map[string]int) []string {
	rank := make(map[string]int, len(nodes))
	for i, n := range nodes {
		rank[n.Address] = i
	}
	at := nodes[slices.IndexFunc(nodes, func(n *Node) bool { return waiting[n.Address] > 0 })].Address
	seen := map[string]int{}
	var path []string
	for {
		if i, ok := seen[at]; ok {
			path = append(path[i:], at)
			slices.Reverse(path) // it was walked from reader to producer
			return path
		}
		seen[at] = len(path)
		path = append(path, at)
		next := ""
		for from := range pm[at] {
			if waiting[from] > 0 && (next == "" || rank[from] < rank[next]) {
				next = from
			}
		}
		at = next
	}
}

// CycleError says that nodes wait for each other.
type CycleError struct {
	Path []string // each one feeds the next; the last is the first
}

func (e *CycleError) Error() string {
	return "the graph has a cycle: " + strings.Join(e.Path, " -> ")
}

// Nodes are all vertices in topological order, virtual ones too. The order depends on nothing but the order
// given to New.
func (g *Graph) Nodes() []*Node { return g.order }

// Node finds a vertex by its address.
func (g *Graph) Node(address string) (*Node, bool) {
	n, err := g.storage.Vertex(address)
	return n, err == nil
}

// Predecessors are the addresses that feed address, in topological order.
func (g *Graph) Predecessors(address string) []string { return g.preds[address] }

// Successors are the addresses that address feeds.
func (g *Graph) Successors(address string) []string { return g.succs[address] }

// Subgraph keeps the instances at the given addresses and all that they need.
func (g *Graph) Subgraph(addresses []string) (*Graph, error) {
	if err := g.check(addresses); err != nil {
		return nil, err
	}
	keep := map[string]bool{}
	stack := slices.Clone(addresses)
	for len(stack) > 0 {
		at := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if !keep[at] {
			keep[at] = true
			stack = append(stack, g.preds[at]...)
		}
	}
	var nodes []*Node
	for _, n := range g.order {
		if keep[n.Address] {
			nodes = append(nodes, n)
		}
	}
	return New(nodes)
}

// check reports all addresses that are no instance.
func (g *Graph) check(addresses []string) error {
	var errs []error
	for _, a := range addresses {
		if n, ok := g.Node(a); !ok || n.Virtual() {
			errs = append(errs, fmt.Errorf("there is no instance %s", a))
		}
	}
	return errors.Join(errs...)
}
