package program

import (
	"slices"

	"gorgonia.org/gorgonia"
)

// Recompute saves memory at the price of time, as PyTorch's checkpoint: the backward computes most values of the forward again
// instead of holding them. Keep cuts the forward into segments; what a segment hands on is held, all else within is computed
// again, by the same kernels from the same values, so every bit stays the same. The last segment, whose backward follows
// at once, is left alone.
type Recompute struct {
	Loss *gorgonia.Node // the forward ends with it
	Keep []*gorgonia.Node
}

// kept are the nodes that are held.
func (r *Recompute) kept() []*gorgonia.Node {
	if r == nil {
		return nil
	}
	return slices.Clone(r.Keep)
}

// recompute rewrites the launches if the options say so.
func (c *compiler) recompute() {
	r := c.opt.Recompute
	if r == nil {
		return
	}
	forward, made := 0, map[*slot]int{} // by root: the launch that makes it
	for forward < len(c.launches) && c.launches[forward].node.ID() <= r.Loss.ID() {
		l := c.launches[forward]
		for _, root := range l.out {
			made[root] = forward
		}
		forward++
	}
	held := c.held(r.Keep, forward, made)

	again := map[*slot]*slot{} // by root
	launches := c.launches[:forward:forward]
	var fresh func(s *slot) *slot
	fresh = func(s *slot) *slot {
		i, computed := made[s.root]
		if !computed || held[s.root] {
			return s
		}
		if again[s.root] == nil {
			l := c.launches[i]
			in := make([]*slot, len(l.in))
			for k, of := range l.in {
				in[k] = fresh(of)
			}
			out := make([]*slot, len(l.out))
			for k, of := range l.out {
				out[k] = newRoot(of.shape)
				again[of] = out[k]
			}
			l.out, l.in = out, in
			launches = append(launches, l)
		}
		moved := *s
		moved.root = again[s.root]
		return &moved
	}
	for _, l := range c.launches[forward:] {
		in := make([]*slot, len(l.in))
		for k, of := range l.in {
			in[k] = fresh(of)
		}
		l.in = in
		launches = append(launches, l)
	}
	c.launches = launches
}

// held are the roots of the forward that stay: what is read in another segment than it is made in, and all of the last segment.
func (c *compiler) held(keep []*gorgonia.Node, forward int, made map[*slot]int) map[*slot]bool {
	held := map[*slot]bool{}
	for _, n := range keep {
		if s := c.slots[n]; s != nil {
			held[s.root] = true
		}
	}
	segment, at := make([]int, forward), 0
	for i, l := range c.launches[:forward] {
		segment[i] = at
		if held[l.out[0]] {
			at++
		}
	}
	for i, l := range c.launches[:forward] {
		for _, of := range l.in {
			if j, computed := made[of.root]; computed && segment[i] != segment[j] {
				held[of.root] = true
			}
		}
	}
	for root, i := range made {
		if segment[i] == at {
			held[root] = true
		}
	}
	return held
}
