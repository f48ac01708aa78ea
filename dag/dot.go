package dag

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/dominikbraun/graph"
	"github.com/dominikbraun/graph/draw"
)

// DOT draws the graph for Graphviz, always with the same bytes for the same graph.
func (g *Graph) DOT(w io.Writer) error {
	// The library writes names into quotes as they are, and addresses hold quotes.
	quote := func(s string) string { return strings.ReplaceAll(s, `"`, `\"`) }
	d := graph.New(graph.StringHash, graph.Directed())
	for _, n := range g.order {
		shape := "box"
		if n.Virtual() {
			shape = "point"
		}
		if err := d.AddVertex(quote(n.Address), graph.VertexAttribute("shape", shape)); err != nil {
			return fmt.Errorf("drawing %s: %w", n.Address, err)
		}
	}
	for _, n := range g.order {
		for _, to := range g.succs[n.Address] {
			if err := d.AddEdge(quote(n.Address), quote(to)); err != nil {
				return fmt.Errorf("drawing %s -> %s: %w", n.Address, to, err)
			}
		}
	}
	var buf bytes.Buffer
	if err := draw.DOT(d, &buf, draw.GraphAttribute("rankdir", "LR")); err != nil {
		return fmt.Errorf("drawing the graph: %w", err)
	}
	// It walks maps: order the statements, which lie between the first line and the closing brace.
	var body []string
	for line := range strings.Lines(buf.String()) {
		if s := strings.TrimSpace(line); s != "" && s != "}" && !strings.HasSuffix(s, "{") {
			body = append(body, "\t"+s+"\n")
		}
	}
	slices.Sort(body)
	_, err := io.WriteString(w, "strict digraph {\n"+strings.Join(body, "")+"}\n")
	return err
}
