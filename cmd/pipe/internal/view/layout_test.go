package view

import (
	"encoding/xml"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/pipe-ml/pipe/dag"
)

// Random graphs: every edge leads to the next column, nothing overlaps, and it is always drawn in the same way.
func TestALayoutIsInColumnsWithoutOverlap(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		list := make([]box, 1+r.IntN(40))
		for i := range list {
			for from := range i {
				if r.IntN(8) == 0 {
					list[i].from = append(list[i].from, from)
				}
			}
		}
		l, again := lay(list, 40, 10), lay(list, 40, 10)
		column := map[*spot]int{}
		for i, c := range l.columns {
			for j, s := range c {
				column[s] = i
				if j > 0 && s.y-c[j-1].y < (s.height+c[j-1].height)/2+10-1e-6 {
					t.Fatalf("seed %d: two spots of column %d overlap", seed, i)
				}
				if s.y != again.columns[i][j].y {
					t.Fatalf("seed %d: laid in two ways", seed)
				}
			}
		}
		edges := 0
		for _, e := range l.edges {
			edges++
			for i := 1; i < len(e); i++ {
				if column[e[i]] != column[e[i-1]]+1 {
					t.Fatalf("seed %d: an edge leads from column %d to %d", seed, column[e[i-1]], column[e[i]])
				}
			}
		}
		want := 0
		for _, b := range list {
			want += len(b.from)
		}
		if edges != want {
			t.Errorf("seed %d: %d edges, want %d", seed, edges, want)
		}
	}
}

func TestBoxesInARowAreDrawnInARow(t *testing.T) {
	l := lay([]box{{}, {from: []int{0}}, {from: []int{1}}, {}, {from: []int{2, 3}}}, 40, 10)
	var columns []int
	for i, c := range l.columns {
		for _, s := range c {
			if s.box >= 0 {
				columns = append(columns, i*10+s.box)
			}
		}
	}
	slices.Sort(columns)
	if want := []int{0, 11, 22, 23, 34}; !slices.Equal(columns, want) { // box 3 right before its reader
		t.Errorf("got %v, want %v", columns, want)
	}
	if l.spots[0].y != l.spots[1].y || l.spots[1].y != l.spots[2].y {
		t.Errorf("not straight: %v %v %v", l.spots[0].y, l.spots[1].y, l.spots[2].y)
	}
}

func TestAnSVGIsWellFormedWithEveryBoxInside(t *testing.T) {
	g, err := dag.New([]*dag.Node{
		{Address: `a.<"x">`, Stage: `a.<"x">`, Outputs: []dag.Output{{Name: "o"}}},
		{Address: "b.y", Stage: "b.y", Inputs: []dag.Input{{Name: "i", From: &dag.Ref{Address: `a.<"x">`, Output: "o"}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := SVG(&b, g, false); err != nil {
		t.Fatal(err)
	}
	dec := xml.NewDecoder(strings.NewReader(b.String()))
	var texts []string
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if text, ok := token.(xml.CharData); ok && strings.TrimSpace(string(text)) != "" {
			texts = append(texts, string(text))
		}
	}
	if want := []string{"a", `<"x">`, "b", "y"}; !slices.Equal(texts, want) {
		t.Errorf("got %q, want %q", texts, want)
	}
	empty, err := dag.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := SVG(io.Discard, empty, false); err != nil {
		t.Error(err)
	}
}
