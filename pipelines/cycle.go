package pipelines

import (
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// depthFirst orders vertices so that each comes after those that it needs, keeping the given order where it
// can, and returns the circles it meets. Linear in vertices and edges.
func depthFirst[T comparable](vertices []T, needs func(T) []T) (order []T, cycles [][]T) {
	const open, done = 1, 2
	state := map[T]int{}
	var stack []T
	var visit func(T)
	visit = func(v T) {
		state[v] = open
		stack = append(stack, v)
		for _, w := range needs(v) {
			switch state[w] {
			case 0:
				visit(w)
			case open:
				for i := len(stack) - 1; ; i-- {
					if stack[i] == w {
						cycles = append(cycles, append([]T(nil), stack[i:]...))
						break
					}
				}
			}
		}
		stack = stack[:len(stack)-1]
		state[v] = done
		order = append(order, v)
	}
	for _, v := range vertices {
		if state[v] == 0 {
			visit(v)
		}
	}
	return order, cycles
}

// circle draws a circle: a -> b -> a.
func circle(names []string) string {
	return strings.Join(append(names, names[0]), " -> ")
}

// findCycles reports circles among the references of the stages.
func (p *Pipeline) findCycles() hcl.Diagnostics {
	_, cycles := depthFirst(p.Stages, (*Stage).needs)
	var diags hcl.Diagnostics
	for _, cycle := range cycles {
		names := make([]string, len(cycle))
		for i, s := range cycle {
			s.broken = true
			names[i] = s.Address()
		}
		// The place to show is where the first stage refers to the next one.
		at := cycle[0].at
		for _, r := range cycle[0].references() {
			if r.target == cycle[1%len(cycle)] {
				at = r.at
				break
			}
		}
		diags = append(diags, mistake(at, "Stages in a circle", "Each of these reads what the next one makes: %s. Take one of the references away.", circle(names)))
	}
	return diags
}
