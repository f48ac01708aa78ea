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
	cards  []Card  // in their order; the scheduler gives out the first that have room
	held   []int64 // of the memory of each
	away   int     // actions on other executors, which take nothing else of this machine
}

func (e *Engine) capacity(opts ApplyOptions) capacity {
	return capacity{
		cpus: cmp.Or(opts.Parallelism, runtime.GOMAXPROCS(0)), memory: machineMemory(), cards: e.Cards, held: make([]int64, len(e.Cards)), away: away,
	}
}

// demand is what an instance takes while it runs.
type demand struct {
	cpus   int
	memory int64
	gpus   int
	share  int64 // of each card's memory; 0: all of it
	away   int
}

// want is what an instance takes of c. One that asks for more processors or memory than there are runs alone.
func (c capacity) want(n *Node) demand {
	if !n.here() {
		return demand{away: 1}
	}
	d := demand{cpus: min(max(n.Resources.CPUs, 1), c.cpus), memory: min(n.Resources.Memory, c.memory), gpus: n.Resources.GPUs, share: n.Resources.GPUMemory}
	if n.Resources.Fallback && fitting(c.cards, d.share) < d.gpus {
		d.gpus = 0
	}
	return d
}

func (c *capacity) fits(d demand) bool {
	return d.cpus <= c.cpus && d.memory <= c.memory && d.gpus <= len(c.room(d)) && d.away <= c.away
}

// take takes d away and says which cards it gets.
func (c *capacity) take(d demand) []string {
	c.cpus -= d.cpus
	c.memory -= d.memory
	c.away -= d.away
	var names []string
	for _, i := range c.room(d)[:d.gpus] {
		c.held[i] += c.cards[i].cost(d.share)
		names = append(names, c.cards[i].Name)
	}
	return names
}

// give puts back what take took.
func (c *capacity) give(d demand, cards []string) {
	c.cpus += d.cpus
	c.memory += d.memory
	c.away += d.away
	for i := range c.cards {
		if slices.Contains(cards, c.cards[i].Name) {
			c.held[i] -= c.cards[i].cost(d.share)
		}
	}
}

// room lists the places of the cards that have room for d's share.
func (c *capacity) room(d demand) []int {
	var at []int
	for i, card := range c.cards {
		if c.held[i]+card.cost(d.share) <= card.cost(0) {
			at = append(at, i)
		}
	}
	return at
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
	if e.Unfit != nil {
		if reason := e.Unfit(n); reason != "" {
			return reason
		}
	}
	want := n.Resources
	switch {
	case !n.here() && e.Executors[n.Executor] == nil:
		return fmt.Sprintf("asks for executor %q, which there is not", n.Executor)
	case !n.here() || want.Fallback:
		return ""
	case want.GPUs > len(e.Cards):
		return fmt.Sprintf("asks for gpus = %d, and this machine offers %s: lower resources { gpus }, name more in CUDA_VISIBLE_DEVICES, "+
			"or give the stage an executor that has them", want.GPUs, countGPUs(len(e.Cards)))
	}
	if n := fitting(e.Cards, want.GPUMemory); n < want.GPUs {
		return fmt.Sprintf("asks for gpu_memory = %s on each of gpus = %d, and this machine has %s of that size: lower resources { gpu_memory }, "+
			"or give the stage an executor that has them", bytesText(want.GPUMemory), want.GPUs, countGPUs(n))
	}
	return ""
}

func countGPUs(n int) string {
	switch n {
	case 0:
		return "no GPU"
	case 1:
		return "1 GPU"
	}
	return fmt.Sprintf("%d GPUs", n)
}
