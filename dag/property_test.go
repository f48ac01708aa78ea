package dag

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
)

// model is a random study, with what each of its instances must make computed without the engine.
type model struct {
	rng   *rand.Rand
	nodes []*Node
}

func newModel(seed uint64, size int) *model {
	m := &model{rng: rand.New(rand.NewPCG(seed, 0))}
	for i := range size {
		address := fmt.Sprintf("n[%d]", i)
		switch n := m.rng.IntN(4); {
		case i == 0 || n == 0:
			m.nodes = append(m.nodes, node(address, "text", m.text()))
		case n == 1 && i > 2:
			g := group(fmt.Sprintf("g[%d]", i), m.before(i), m.before(i))
			m.nodes = append(m.nodes, g, gathering(node(address, "concat", m.text(), m.before(i)), g.Address))
		case n == 2:
			m.nodes = append(m.nodes, node(address, "constant", m.text(), m.before(i)))
		default:
			m.nodes = append(m.nodes, node(address, "concat", m.text(), m.before(i), m.before(i)))
		}
	}
	return m
}

func (m *model) text() string        { return fmt.Sprint(m.rng.IntN(3)) } // few values: keys coincide
func (m *model) before(i int) string { return fmt.Sprintf("n[%d]", m.rng.IntN(i)) }
func (m *model) pick() *Node         { return m.instances()[m.rng.IntN(len(m.instances()))] }
func (m *model) instances() []*Node {
	return slices.DeleteFunc(slices.Clone(m.nodes), (*Node).Virtual)
}

// want is what every instance makes.
func (m *model) want() map[string]string {
	out := map[string]string{}
	groups := map[string]*Node{}
	for _, n := range m.nodes {
		if n.Virtual() {
			groups[n.Address] = n
			continue
		}
		text := n.Config["text"].(string)
		if n.Type == "concat" {
			ins := slices.Clone(n.Inputs)
			slices.SortFunc(ins, func(a, b Input) int {
				if a.Name < b.Name {
					return -1
				}
				return 1
			})
			for _, in := range ins {
				if in.From != nil {
					text += "|" + out[in.From.Address]
					continue
				}
				for _, member := range groups[in.Group].Group {
					text += fmt.Sprintf("|%s:%s", axesText(member.Axes), out[member.Ref.Address])
				}
			}
		}
		out[n.Address] = text
	}
	return out
}

// edit changes the study or damages the store.
func (m *model) edit(r *rig) string {
	n := m.pick()
	res, err := r.engine.Store.LastResult(n.Address)
	kind := m.rng.IntN(6)
	if err != nil { // an earlier edit took it
		kind = 3
	}
	switch kind {
	case 0:
		os.Remove(r.blobOf(n.Address))
		return "lost blob of " + n.Address
	case 1:
		os.Chmod(r.blobOf(n.Address), 0o644)
		os.WriteFile(r.blobOf(n.Address), []byte("damage"), 0o644)
		return "damaged blob of " + n.Address
	case 2:
		os.Remove(r.engine.Store.record(res.Key))
		return "lost result of " + n.Address
	case 3:
		n.Salt += "x"
		return "salt of " + n.Address
	}
	n.Config["text"] = m.text()
	return "text of " + n.Address
}

// Whatever happened before, an apply makes what a clean run would make, and a second one runs nothing.
func TestIncrementalEqualsClean(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := newRig(t)
			m := newModel(seed, 14)
			history := []string{}
			for range 8 {
				p, err := r.engine.Plan(context.Background(), r.graph(m.nodes...), nil, PlanOptions{})
				if err != nil {
					t.Fatal(err)
				}
				sum := r.apply(ApplyOptions{}, m.nodes...)
				if c := p.Summary(); sum.Executed > c.Run+c.Maybe || sum.Cached < c.Cached {
					t.Errorf("after %v: the plan was %+v, the run %+v", history, c, sum)
				}
				for address, want := range m.want() {
					if got := r.content(address); got != want {
						t.Fatalf("after %v: %s made %q, want %q", history, address, got, want)
					}
				}
				if again := r.apply(ApplyOptions{}, m.nodes...); again.Cached != again.Total {
					t.Fatalf("after %v: the second apply is %+v", history, again)
				}
				for range 1 + m.rng.IntN(3) {
					history = append(history, m.edit(r))
				}
			}
		})
	}
}
