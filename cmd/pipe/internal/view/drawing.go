package view

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/pipe-ml/pipe/dag"
	"github.com/pipe-ml/pipe/pipelines"
)

// box is one vertex of a drawing, and the boxes that it reads.
type box struct {
	id, name string
	module   string // that it is in; empty: the root
	count    int    // instances
	from     []int
}

// label is the name in its module, with the number of instances where there are several.
func (x box) label() string {
	return strings.TrimSpace(strings.TrimPrefix(x.name, x.module+".") + " " + x.times())
}

// boxes makes a drawing: a box an instance, or a box a stage. Virtual vertices are drawn through.
func boxes(g *dag.Graph, byInstance bool) []box {
	var list []box
	index := map[string]int{}
	name := func(n *dag.Node) string {
		if byInstance {
			return n.Address
		}
		return n.Stage
	}
	for _, n := range g.Nodes() {
		if n.Virtual() {
			continue
		}
		i, ok := index[name(n)]
		if !ok {
			i = len(list)
			index[name(n)] = i
			list = append(list, box{id: fmt.Sprintf("n%d", i), name: name(n), module: pipelines.ModuleOf(n.Stage)})
		}
		list[i].count++
	}
	seen := map[[2]int]bool{}
	gathered := map[string][]int{} // the boxes behind a virtual vertex, found once for all its readers
	for _, n := range g.Nodes() {
		var from []int
		for _, address := range g.Predecessors(n.Address) {
			if source, _ := g.Node(address); source.Virtual() {
				from = append(from, gathered[address]...)
			} else {
				from = append(from, index[name(source)])
			}
		}
		if n.Virtual() {
			slices.Sort(from)
			gathered[n.Address] = slices.Compact(from)
			continue
		}
		to := index[name(n)]
		for _, i := range from {
			if edge := [2]int{i, to}; i != to && !seen[edge] {
				seen[edge] = true
				list[to].from = append(list[to].from, i)
			}
		}
	}
	return list
}

// inModules hands on the boxes module by module, in the order in which the modules appear.
func inModules(list []box, draw func(module string, of []box)) {
	var modules []string
	by := map[string][]box{}
	for _, x := range list {
		if by[x.module] == nil {
			modules = append(modules, x.module)
		}
		by[x.module] = append(by[x.module], x)
	}
	for _, m := range modules {
		draw(m, by[m])
	}
}

// StageDOT draws a box a stage for Graphviz.
func StageDOT(w io.Writer, g *dag.Graph) error {
	var b strings.Builder
	b.WriteString("digraph {\n\trankdir=LR\n\tnode [shape=box]\n")
	list := boxes(g, false)
	inModules(list, func(module string, of []box) {
		indent := "\t"
		if module != "" {
			fmt.Fprintf(&b, "\tsubgraph %q {\n\t\tlabel=%q\n", "cluster_"+module, module)
			indent = "\t\t"
		}
		for _, x := range of {
			fmt.Fprintf(&b, "%s%s [label=%q]\n", indent, x.id, x.label())
		}
		if module != "" {
			b.WriteString("\t}\n")
		}
	})
	for _, x := range list {
		for _, from := range x.from {
			fmt.Fprintf(&b, "\t%s -> %s\n", list[from].id, x.id)
		}
	}
	b.WriteString("}\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// Mermaid draws for Markdown pages.
func Mermaid(w io.Writer, g *dag.Graph, byInstance bool) error {
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	list := boxes(g, byInstance)
	inModules(list, func(module string, of []box) {
		indent := "  "
		if module != "" {
			fmt.Fprintf(&b, "  subgraph %s\n", module)
			indent = "    "
		}
		for _, x := range of {
			fmt.Fprintf(&b, "%s%s[\"%s\"]\n", indent, x.id, strings.ReplaceAll(x.label(), `"`, "#quot;"))
		}
		if module != "" {
			b.WriteString("  end\n")
		}
	})
	for _, x := range list {
		for _, from := range x.from {
			fmt.Fprintf(&b, "  %s --> %s\n", list[from].id, x.id)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
