package dag

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func addresses(nodes []*Node) []string {
	var out []string
	for _, n := range nodes {
		out = append(out, n.Address)
	}
	return out
}

func TestOrderIsTopologicalAndStable(t *testing.T) {
	nodes := []*Node{
		node("z", "concat", "", "b", "a"), node("b", "concat", "", "a"), node("a", "text", ""),
		group("g", "z", "b"), gathering(node("y", "concat", ""), "g"), node("c", "text", ""),
	}
	want := []string{"a", "c", "b", "z", "g", "y"}
	for range 20 {
		g, err := New(nodes)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, addresses(g.Nodes())); diff != "" {
			t.Fatal(diff)
		}
		if diff := cmp.Diff([]string{"a", "b"}, g.Predecessors("z")); diff != "" {
			t.Fatal(diff)
		}
	}
}

func TestGraphErrors(t *testing.T) {
	noOutput := node("b", "text", "")
	noOutput.Inputs = []Input{{Name: "in", From: &Ref{"a", "nope"}}}
	noSource := node("b", "text", "")
	noSource.Inputs = []Input{{Name: "in"}}
	tests := []struct {
		name  string
		nodes []*Node
		want  []string
	}{
		{"unknown references, all of them", []*Node{node("a", "", "", "x", "y")}, []string{"input in reads x", "input second reads y"}},
		{"unknown output", []*Node{node("a", "", ""), noOutput}, []string{"reads nope of a, which has no such output"}},
		{"no source", []*Node{noSource}, []string{"input in has no source"}},
		{"declared twice", []*Node{node("a", "", ""), node("a", "", "")}, []string{"a is declared twice"}},
		{"a group that is none", []*Node{node("a", "", ""), gathering(node("b", "", ""), "a")}, []string{"which is not a group"}},
		{"unknown member", []*Node{group("g", "q")}, []string{"g: member 0 reads q"}},
		{"cycle", []*Node{node("c", "", "", "b"), node("free", "", ""), node("a", "", "", "c"), node("b", "", "", "a", "free")},
			[]string{"cycle: c -> a -> b -> c"}},
		{"cycle beside its readers", []*Node{node("x", "", "", "a"), node("a", "", "", "b"), node("b", "", "", "a")}, []string{"cycle: a -> b -> a"}},
		{"cycle of one", []*Node{node("a", "", "", "a")}, []string{"cycle: a -> a"}},
		{"cycle through a group", []*Node{group("g", "a"), gathering(node("a", "", ""), "g")}, []string{"cycle: g -> a -> g"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := New(tt.nodes)
			for _, w := range tt.want {
				if err == nil || !strings.Contains(err.Error(), w) {
					t.Errorf("error %v lacks %q", err, w)
				}
			}
			var c *CycleError
			if strings.HasPrefix(tt.name, "cycle") != errors.As(err, &c) {
				t.Errorf("%T", err)
			}
		})
	}
}

func TestSubgraphKeepsWhatIsNeeded(t *testing.T) {
	g, err := New([]*Node{
		node("a", "", ""), node("b", "", "", "a"), node("c", "", "", "a"), group("g", "b"), gathering(node("d", "", ""), "g"),
	})
	if err != nil {
		t.Fatal(err)
	}
	sub, err := g.Subgraph([]string{"d"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a", "b", "g", "d"}, addresses(sub.Nodes())); diff != "" {
		t.Error(diff)
	}
	if _, err := g.Subgraph([]string{"q", "g"}); err == nil || err.Error() != "there is no instance q\nthere is no instance g" {
		t.Errorf("unknown addresses: %v", err)
	}
}

func TestDOTIsStable(t *testing.T) {
	g, err := New([]*Node{node(`f["a",1]`, "", ""), node("b", "", "", `f["a",1]`), node("c", "", "", "b", `f["a",1]`)})
	if err != nil {
		t.Fatal(err)
	}
	var first bytes.Buffer
	if err := g.DOT(&first); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(first.String(), `"f[\"a\",1]" -> "b"`) {
		t.Errorf("no edge in\n%s", first.String())
	}
	for range 10 {
		var again bytes.Buffer
		if err := g.DOT(&again); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(first.String(), again.String()); diff != "" {
			t.Fatal(diff)
		}
	}
}

// large is the graph of the speed targets: three stages of n instances and one reader of all.
func large(n int) []*Node {
	var nodes []*Node
	var ends []string
	for i := range n {
		a, b, c := fmt.Sprintf("a[%d]", i), fmt.Sprintf("b[%d]", i), fmt.Sprintf("c[%d]", i)
		nodes = append(nodes, node(a, "text", fmt.Sprint(i)), node(b, "concat", "", a), node(c, "concat", "", b))
		ends = append(ends, c)
	}
	return append(nodes, group("g", ends...), gathering(node("figure", "concat", ""), "g"))
}

func TestSortIsLinear(t *testing.T) {
	nodes := large(10000)
	slices.Reverse(nodes)
	started := time.Now()
	if _, err := New(nodes); err != nil {
		t.Fatal(err)
	}
	// The library's own sort takes minutes here.
	if took := time.Since(started); took > 10*time.Second {
		t.Errorf("30,002 vertices took %v", took)
	}
}
