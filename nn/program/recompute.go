package program

import "gorgonia.org/gorgonia"

// Recompute saves memory at the price of time, as PyTorch's checkpoint: the backward computes most values of the forward again
// instead of holding them. Keep cuts the forward into segments; what a segment hands on is held, all else within is computed
// again, by the same kernels from the same values, so every bit stays the same. The last segment, whose backward follows
// at once, is left alone.
type Recompute struct {
	Loss *gorgonia.Node // the forward ends with it
	Keep []*gorgonia.Node
}

// recompute rewrites the launches.
func (c *compiler) recompute(r *Recompute) {
	forward, made := 0, map[*slot]int{} // by root: the launch that makes it
	for forward < len(c.launches) && c.launches[forward].node.ID() <= r.Loss.ID() {
		l := c.launches[forward]
		made[l.slot] = forward
		if l.slot.extra != nil {
			made[l.slot.extra] = forward
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
			twin := l.slot.twin()
			again[l.slot] = twin
			if l.slot.extra != nil {
				twin.extra = l.slot.extra.twin()
				again[l.slot.extra] = twin.extra
			}
			l.slot, l.in = twin, in
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
	c.live()
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
		if held[l.slot] {
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

// twin is a root of the same shape without a place.
func (s *slot) twin() *slot {
	t := &slot{shape: s.shape, size: s.size}
	t.root, t.life = t, &life{size: s.size}
	return t
}

// live sets the lives of all computed roots anew.
func (c *compiler) live() {
	c.roots = c.roots[:0]
	for i, l := range c.launches {
		for _, s := range []*slot{l.slot, l.slot.extra} {
			if s != nil {
				s.life.first, s.life.last = i, i
				c.roots = append(c.roots, s)
			}
		}
		for _, of := range l.in {
			if of.root.life != nil {
				of.root.life.last = i
			}
		}
	}
}
