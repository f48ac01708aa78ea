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
			got := Cards(func(name string) (string, bool) { return tt.set, name == CardsVariable && tt.set != "unset" }, tt.files, func() string { return "" })
			if names(got) != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func names(cards []Card) string {
	var all []string
	for _, c := range cards {
		all = append(all, c.Name)
	}
	return strings.Join(all, " ")
}

func cards(names ...string) []Card {
	var all []Card
	for _, name := range names {
		all = append(all, Card{Name: name})
	}
	return all
}

// The driver's answer finds a card by its number or its name; what it does not tell stays unknown.
func TestTheMemoryOfCardsIsTheDrivers(t *testing.T) {
	const answer = "0, GPU-a, 81559\n1, GPU-b, 40960\n2, GPU-c, [N/A]\nno line\n"
	list := func(string) (string, bool) { return "1,GPU-a,2,MIG-7", true }
	got := Cards(list, fstest.MapFS{}, func() string { return answer })
	want := []Card{{"1", 40960 << 20}, {"GPU-a", 81559 << 20}, {"2", 0}, {"MIG-7", 0}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	none := func(string) (string, bool) { return "", true }
	if got := Cards(none, fstest.MapFS{}, func() string { t.Error("asked the driver for nothing"); return "" }); got != nil {
		t.Errorf("got %v", got)
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
	r.engine.Cards = cards("0", "1", "GPU-c")
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

func TestTheFirstCardsWithRoomAreTaken(t *testing.T) {
	const gib = 1 << 30
	known := []Card{{"0", 24 * gib}, {"1", 80 * gib}}
	tests := []struct {
		name  string
		cards []Card
		takes []demand
		want  string // what each gets, "none" if it does not fit
	}{
		{"whole cards in order", cards("3", "1", "GPU-x"), []demand{{gpus: 1}, {gpus: 2}, {gpus: 1}}, "3; 1 GPU-x; none"},
		{"small ones share a card", known, []demand{{gpus: 1, share: 10 * gib}, {gpus: 1, share: 10 * gib}, {gpus: 1, share: 10 * gib}}, "0; 0; 1"},
		{"a share too big for the first", known, []demand{{gpus: 1, share: 40 * gib}, {gpus: 1, share: 40 * gib}, {gpus: 1, share: gib}, {gpus: 1, share: 40 * gib}}, "1; 1; 0; none"},
		{"a whole card has no other", known, []demand{{gpus: 1, share: gib}, {gpus: 1}, {gpus: 1}}, "0; 1; none"},
		{"a share of each of two", known, []demand{{gpus: 2, share: 20 * gib}, {gpus: 2, share: 20 * gib}, {gpus: 1, share: 60 * gib}}, "0 1; none; 1"},
		{"cards of unknown memory are whole", cards("0", "1"), []demand{{gpus: 1, share: gib}, {gpus: 1, share: gib}, {gpus: 1, share: gib}}, "0; 1; none"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := &Engine{Cards: tt.cards}
			c := e.capacity(ApplyOptions{})
			var got []string
			given := map[int][]string{}
			for i, d := range tt.takes {
				if !c.fits(d) {
					got = append(got, "none")
					continue
				}
				given[i] = c.take(d)
				got = append(got, strings.Join(given[i], " "))
			}
			if s := strings.Join(got, "; "); s != tt.want {
				t.Errorf("gave %s, want %s", s, tt.want)
			}
			for i, names := range given {
				c.give(tt.takes[i], names)
			}
			for i, card := range c.cards {
				if c.held[i] != 0 {
					t.Errorf("after all was given back, %d bytes of %s are held", c.held[i], card.Name)
				}
			}
		})
	}
}

// A stage that does without a card runs where there is none, and gets one where there is.
func TestAFallbackRunsWithoutACard(t *testing.T) {
	for _, have := range [][]Card{nil, {{Name: "0", Memory: 1 << 30}}, {{Name: "0", Memory: 8 << 30}}} {
		r := newRig(t)
		r.engine.Cards = have
		n := withGPUs(node("x", "cards", "x"), 1)
		n.Resources.GPUMemory, n.Resources.Fallback = 4<<30, true
		r.counts(r.apply(ApplyOptions{}, n), 1, 0, 1, 0, 0)
		list, _, _ := strings.Cut(r.content("x"), " ")
		want := 0
		if len(have) > 0 && have[0].Memory > 4<<30 {
			want = 1
		}
		if got := ListCards(list); len(got) != want {
			t.Errorf("with %v it saw %q", have, list)
		}
	}
}

// What can never run is refused before anything runs; what is in the store needs no card.
func TestWhatCannotRunIsRefusedBeforeAnythingRuns(t *testing.T) {
	r := newRig(t)
	r.engine.Cards = cards("0")
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
	r.engine.Cards = []Card{{"0", 8 << 30}, {"1", 8 << 30}}
	big := withGPUs(node("big", "cards", "2"), 1)
	big.Resources.GPUMemory = 16 << 30
	if _, err := r.engine.Plan(context.Background(), r.graph(big), nil, PlanOptions{}); err == nil ||
		!strings.Contains(err.Error(), "big asks for gpu_memory = 16.0 GiB on each of gpus = 1, and this machine has no GPU of that size") {
		t.Errorf("a share larger than any card: %v", err)
	}
	nodes = nodes[:3]
	r.counts(r.apply(ApplyOptions{}, nodes...), 3, 0, 3, 0, 0)
	r.engine.Cards = nil
	r.counts(r.apply(ApplyOptions{}, nodes...), 3, 3, 0, 0, 0)
}
