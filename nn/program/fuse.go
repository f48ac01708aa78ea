package program

import (
	"slices"
	"strings"

	"gorgonia.org/gorgonia"

	"github.com/pipe-ml/pipe/accel/kernel"
)

// fuse replaces sequences of launches by one where the device has a kernel for it (kernel.Fused, kernel.FusedBackward).
func (c *compiler) fuse(outputs []*gorgonia.Node) {
	readers := map[*slot][]int{} // the launches that read a root
	for i, l := range c.launches {
		for _, s := range l.in {
			readers[s.root] = append(readers[s.root], i)
		}
	}
	for _, n := range outputs {
		readers[c.slots[n].root] = append(readers[c.slots[n].root], -1)
	}
	gone := map[int]bool{}
	for i := range c.launches {
		for _, names := range kernel.Fused {
			if gone[i] {
				break
			}
			if chain := c.chain(i, names, readers); chain != nil && c.join(chain, strings.Join(names, "+")) {
				for _, k := range chain[:len(chain)-1] {
					gone[k] = true
				}
			}
		}
		for _, f := range kernel.FusedBackward {
			if gone[i] {
				break
			}
			if c.backward(i, f, readers) {
				for k := range len(f.Names) - 1 {
					gone[i+k] = true
				}
			}
		}
	}
	kept := c.launches[:0]
	for i, l := range c.launches {
		if !gone[i] {
			kept = append(kept, l)
		}
	}
	c.launches = kept
}

// chain finds the launches of kernels names that begin with launch i, or nil: each but the last writes what only the next one reads, as
// its first input.
func (c *compiler) chain(i int, names []string, readers map[*slot][]int) []int {
	chain := []int{i}
	for k, name := range names {
		l := c.launches[i]
		if l.kernel.Name() != name {
			return nil
		}
		if k == len(names)-1 {
			break
		}
		next := readers[l.out[0]]
		if len(next) != 1 || next[0] < 0 {
			return nil
		}
		i = next[0]
		in := c.launches[i].in
		if in[0] != l.out[0] || !alike(in) {
			return nil
		}
		chain = append(chain, i)
	}
	return chain
}

// alike tells whether all operands have one shape.
func alike(in []*slot) bool {
	return !slices.ContainsFunc(in, func(s *slot) bool { return !s.shape.Eq(in[0].shape) })
}

// join makes the last launch of chain compute all of it.
func (c *compiler) join(chain []int, name string) bool {
	k, err := c.prog.dev.Kernel(name)
	if err != nil {
		return false
	}
	first, last := c.launches[chain[0]], &c.launches[chain[len(chain)-1]]
	in := slices.Clone(first.in)
	for _, i := range chain[1:] {
		in = append(in, c.launches[i].in[1:]...)
	}
	last.kernel, last.attrs, last.in, last.out = k, first.attrs, in, append(last.out, first.out[1:]...)
	return true
}

// backward joins the launches of a sequence of gradient kernels that follow one another from i on. The gradient that the makers make stays
// a result if others read it.
func (c *compiler) backward(i int, f kernel.Backward, readers map[*slot][]int) bool {
	if len(f.Names) > len(c.launches)-i {
		return false
	}
	l := c.launches[i : i+len(f.Names)]
	makers, takers := l[:f.Makers], l[f.Makers:]
	dy := func(k int) *slot { return l[k].in[len(l[k].in)-1] }
	ofOneNorm := func(a, b launch) bool { // not of two whose results were added
		return a.attrs == b.attrs && slices.ContainsFunc(a.in[:len(a.in)-1], func(s *slot) bool { return slices.Contains(b.in, s) })
	}
	for k, name := range f.Names {
		if l[k].kernel.Name() != name {
			return false
		}
	}
	for k, m := range makers {
		if dy(k+1) != m.out[0] || k+1 < len(makers) && len(readers[m.out[0]]) > 1 {
			return false
		}
	}
	made := dy(len(makers))
	for k, t := range takers {
		if dy(len(makers)+k) != made || !ofOneNorm(t, takers[0]) {
			return false
		}
	}
	k, err := c.prog.dev.Kernel(strings.Join(f.Names, "+"))
	if err != nil {
		return false
	}
	var in, out []*slot
	for k := range l {
		in = append(in, l[k].in[:len(l[k].in)-1]...)
	}
	in = append(in, dy(0))
	for _, t := range takers {
		out = append(out, t.out...)
	}
	if len(makers) > 0 && len(readers[made]) > len(takers) {
		out = append(out, made)
	}
	last := &c.launches[i+len(l)-1]
	last.kernel, last.in, last.out = k, in, out
	return true
}
