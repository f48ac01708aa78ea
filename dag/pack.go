package dag

import (
	"cmp"
	"errors"
	"fmt"
	"runtime"
	"slices"
)

// away is how many actions other executors may hold at once. Each of them costs this process a goroutine and an
// open log.
const away = 1000

// capacity is what the scheduler packs.
type capacity struct {
	cpus   int
	memory int64
	cards  []string // in their order; the scheduler gives out the first that are free
	away   int      // actions on other executors, which take nothing else of this machine
}

func (e *Engine) capacity(opts ApplyOptions) capacity {
	return capacity{
		cpus: cmp.Or(opts.Parallelism, runtime.GOMAXPROCS(0)), memory: machineMemory(), cards: slices.Clone(e.Cards), away: away,
	}
}

// demand is what an instance takes while it runs.
type demand struct {
	cpus   int
	memory int64
	gpus   int
	away   int
}

// want is what an instance takes of c. One that asks for more processors or memory than there are runs alone.
func (c capacity) want(n *Node) demand {
	if !n.here() {
		return demand{away: 1}
	}
	return demand{cpus: min(max(n.Resources.CPUs, 1), c.cpus), memory: min(n.Resources.Memory, c.memory), gpus: n.Resources.GPUs}
}

func (c *capacity) fits(d demand) bool {
	return d.cpus <= c.cpus && d.memory <= c.memory && d.gpus <= len(c.cards) && d.away <= c.away
}

// take takes d away and says which cards it gets.
func (c *capacity) take(d demand) []string {
	c.cpus -= d.cpus
	c.memory -= d.memory
	c.away -= d.away
	cards := c.cards[:d.gpus:d.gpus]
	c.cards = c.cards[d.gpus:]
	return cards
}

// give puts back what take took. order is that of all cards.
func (c *capacity) give(d demand, cards, order []string) {
	c.cpus += d.cpus
	c.memory += d.memory
	c.away += d.away
	c.cards = slices.Concat(cards, c.cards)
	slices.SortFunc(c.cards, func(a, b string) int { return slices.Index(order, a) - slices.Index(order, b) })
}

// here says whether n runs on this machine.
func (n *Node) here() bool { return n.Executor == "" || n.Executor == LocalExecutor }

// refuse tells of every planned instance that could never run, a line for each stage and reason.
func (e *Engine) refuse(p *Plan) error {
	type group struct{ stage, reason string }
	first := map[group]string{}
	more := map[group]int{}
	var groups []group
	for _, a := range p.Actions {
		reason := e.refusal(a.Node)
		if a.State == StateCached || reason == "" {
			continue
		}
		g := group{a.Node.Stage, reason}
		if first[g] == "" {
			first[g] = a.Node.Address
			groups = append(groups, g)
		} else {
			more[g]++
		}
	}
	var errs []error
	for _, g := range groups {
		others := ""
		if more[g] > 0 {
			others = fmt.Sprintf(" (and %d more of its stage)", more[g])
		}
		errs = append(errs, fmt.Errorf("%s%s %s", first[g], others, g.reason))
	}
	return errors.Join(errs...)
}

// refusalHere says why n cannot be run on this machine, or "".
func (e *Engine) refusalHere(n *Node) string {
	if !n.here() {
		return fmt.Sprintf("runs on executor %q, not on this machine", n.Executor)
	}
	return e.refusal(n)
}

// refusal says why this engine cannot run n at all, or "".
func (e *Engine) refusal(n *Node) string {
	have := "no GPU"
	switch len(e.Cards) {
	case 0:
	case 1:
		have = "1 GPU"
	default:
		have = fmt.Sprintf("%d GPUs", len(e.Cards))
	}
	switch {
	case !n.here() && e.Executors[n.Executor] == nil:
		return fmt.Sprintf("asks for executor %q, which there is not", n.Executor)
	case n.here() && n.Resources.GPUs > len(e.Cards):
		return fmt.Sprintf("asks for gpus = %d, and this machine offers %s: lower resources { gpus }, name more in CUDA_VISIBLE_DEVICES, "+
			"or give the stage an executor that has them", n.Resources.GPUs, have)
	}
	return ""
}
