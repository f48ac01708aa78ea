package dag

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func TestCardsAreFoundWithoutADriver(t *testing.T) {
	file := &fstest.MapFile{}
	tests := []struct {
		name  string
		files fstest.MapFS
		set   string // "unset": the variable is not there
		want  string
	}{
		{"nothing", fstest.MapFS{"dev/null": file}, "unset", ""},
		{"device files", fstest.MapFS{"dev/nvidia0": file, "dev/nvidia1": file, "dev/nvidiactl": file, "dev/nvidia-uvm": file}, "unset", "0 1"},
		{"the third card of a machine, in a container", fstest.MapFS{"dev/nvidia2": file, "proc/driver/nvidia/gpus/a/x": file, "proc/driver/nvidia/gpus/b/x": file}, "unset", "0"},
		{"the kernel's list", fstest.MapFS{"proc/driver/nvidia/gpus/0000:01:00.0/information": file}, "unset", "0"},
		{"the variable goes first", fstest.MapFS{"dev/nvidia0": file}, "3, 5", "3 5"},
		{"names", nil, "GPU-8932f937,MIG-7", "GPU-8932f937 MIG-7"},
		{"empty", fstest.MapFS{"dev/nvidia0": file}, "", ""},
		{"minus one", fstest.MapFS{"dev/nvidia0": file}, "-1", ""},
		{"minus one ends the list", nil, "1,-1,0", "1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := Cards(func(name string) (string, bool) { return tt.set, name == CardsVariable && tt.set != "unset" }, tt.files)
			if strings.Join(got, " ") != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func withGPUs(n *Node, gpus int) *Node {
	n.Resources.GPUs = gpus
	return n
}

// No card is ever given to two actions at once, and workers are reused without seeing each other's cards.
func TestCardsAreGivenOutByIndex(t *testing.T) {
	t.Setenv(CardsVariable, "7") // of this process; the engine's list counts
	r := newRig(t)
	r.engine.Cards = []string{"0", "1", "GPU-c"}
	var nodes []*Node
	for i := range 12 {
		n := withGPUs(node(fmt.Sprintf("x[%d]", i), "cards", fmt.Sprint(i)), i%4)
		n.Config["millis"] = 10
		nodes = append(nodes, n)
	}
	r.counts(r.apply(ApplyOptions{Parallelism: 8}, nodes...), 12, 0, 12, 0, 0)
	for i := range 12 {
		list, _, _ := strings.Cut(r.content(fmt.Sprintf("x[%d]", i)), " ")
		if got := ListCards(list); len(got) != i%4 {
			t.Errorf("x[%d] saw %q, want %d cards", i, got, i%4)
		}
	}
	inUse, most := 0, 0
	for _, e := range r.events {
		i := slices.IndexFunc(nodes, func(n *Node) bool { return n.Address == e.Address })
		switch e.Type {
		case EventStart:
			inUse += nodes[i].Resources.GPUs
		case EventComplete:
			inUse -= nodes[i].Resources.GPUs
		}
		if most = max(most, inUse); inUse > 3 {
			t.Fatalf("%d cards in use at %s of %s", inUse, e.Type, e.Address)
		}
	}
	if most < 2 {
		t.Error("cards were never used at the same time as others")
	}
}

func TestTheFirstFreeCardsAreTaken(t *testing.T) {
	order := []string{"3", "1", "GPU-x"}
	c := capacity{cpus: 9, cards: slices.Clone(order)}
	one, two := demand{gpus: 1}, demand{gpus: 2}
	a := c.take(one)
	b := c.take(two)
	if a[0] != "3" || strings.Join(b, " ") != "1 GPU-x" || c.fits(one) {
		t.Errorf("took %v and %v, left %v", a, b, c.cards)
	}
	c.give(two, b, order)
	c.give(one, a, order)
	if !slices.Equal(c.cards, order) {
		t.Errorf("put back as %v", c.cards)
	}
}

// What can never run is refused before anything runs; what is in the store needs no card.
func TestWhatCannotRunIsRefusedBeforeAnythingRuns(t *testing.T) {
	r := newRig(t)
	r.engine.Cards = []string{"0"}
	moon := node("moon.a", "text", "")
	moon.Executor = "moon"
	nodes := []*Node{node("first", "text", ""), withGPUs(node("x[0]", "cards", "0"), 2), withGPUs(node("x[1]", "cards", "1"), 2), moon}
	g := r.graph(nodes...)
	_, perr := r.engine.Plan(context.Background(), g, nil, PlanOptions{})
	_, aerr := r.engine.Apply(context.Background(), g, nil, ApplyOptions{}, nil)
	for _, err := range []error{perr, aerr} {
		if err == nil {
			t.Fatal("nothing is refused")
		}
		for _, want := range []string{"x[0] (and 1 more of its stage) asks for gpus = 2, and this machine offers 1 GPU", `moon.a asks for executor "moon"`, CardsVariable} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%v lacks %q", err, want)
			}
		}
	}
	if n := r.performed(); len(n) > 0 {
		t.Errorf("ran %v", n)
	}
	r.engine.Cards = []string{"0", "1"}
	nodes = nodes[:3]
	r.counts(r.apply(ApplyOptions{}, nodes...), 3, 0, 3, 0, 0)
	r.engine.Cards = nil
	r.counts(r.apply(ApplyOptions{}, nodes...), 3, 3, 0, 0, 0)
}
