package layer

import (
	"fmt"

	"github.com/pipe-ml/pipe/nn/op"
)

// The places where edits meet the layers.

// add runs f with new parameters counted as the edit's.
func (b *Builder) add(f func() *Node) *Node {
	b.adding = true
	defer func() { b.adding = false }()
	return f()
}

// change is the sum of the deltas of s, or of its slice, nil if there is none; m is the builder at the site.
func (b *Builder) change(m *Builder, s Site, slice string, x *Node) (sum *Node) {
	for _, e := range b.plan.bySite[s.Path] {
		if d, ok := e.(Delta); ok && d.Slice == slice && b.err == nil {
			sum = m.addTo(m.add(func() *Node { return d.Output(m.Sub(slice), x) }), sum)
		}
	}
	return sum
}

// addTo is x + y, and x if y is nil.
func (b *Builder) addTo(x, y *Node) *Node {
	if y == nil {
		return x
	}
	return b.Add(x, y)
}

// scale applies the Scale edit of a linear map, a convolution or a branch to its output y, or to the slice of it that cut takes
// from the channels.
func (b *Builder) scale(m *Builder, s Site, y *Node, cut func(v *Node, axis int) *Node) *Node {
	e, ok := b.scaleEdit(s, "", false)
	if !ok || b.err != nil {
		return y
	}
	y = m.Mul(y, m.Along(y, cut(m.channels(e.Scale, s.Out, e.ScaleInit), 0)))
	if e.Shift != "" {
		y = m.Add(y, m.Along(y, cut(m.channels(e.Shift, s.Out, e.ShiftInit), 0)))
	}
	return y
}

// scaleSlice applies the Scale edit of one slice to its output y.
func (b *Builder) scaleSlice(m *Builder, s Site, slice string, y *Node) *Node {
	e, ok := b.scaleEdit(s, slice, false)
	if !ok || b.err != nil {
		return y
	}
	return m.Mul(y, m.Along(y, m.Sub(slice).channels(e.Scale, s.Out/len(s.Slices), e.ScaleInit)))
}

// scaleInput applies the Scale edit of what a linear map reads.
func (b *Builder) scaleInput(m *Builder, s Site, x *Node) *Node {
	e, ok := b.scaleEdit(s, "", true)
	if !ok || b.err != nil {
		return x
	}
	return m.Mul(x, m.Along(x, m.channels(e.Scale, s.In, e.ScaleInit)))
}

// scaleNorm applies the Scale edit of a normalisation to its gain and bias.
func (b *Builder) scaleNorm(m *Builder, s Site, gain, bias *Node) (*Node, *Node) {
	e, ok := b.scaleEdit(s, "", false)
	if !ok || b.err != nil {
		return gain, bias
	}
	scale := m.channels(e.Scale, s.Out, e.ScaleInit)
	gain, bias = m.Mul(gain, scale), m.Mul(bias, scale)
	if e.Shift != "" {
		bias = m.Add(bias, m.channels(e.Shift, s.Out, e.ShiftInit))
	}
	return gain, bias
}

func (b *Builder) scaleEdit(s Site, slice string, input bool) (Scale, bool) {
	for _, e := range b.plan.bySite[s.Path] {
		if e, ok := e.(Scale); ok && e.Slice == slice && e.Input == input {
			return e, true
		}
	}
	return Scale{}, false
}

// channels declares a new parameter [n] at the site.
func (b *Builder) channels(name string, n int, init Init) *Node {
	return b.add(func() *Node { return b.Param(name, []int{n}, init) })
}

// Along shapes v [C] so that it repeats over all dimensions of y but its channels.
func (b *Builder) Along(y, v *Node) *Node {
	if b.err != nil {
		return nil
	}
	shape := make([]int, len(y.Shape()))
	for i := range shape {
		shape[i] = 1
	}
	axis := channelAxis(y)
	shape[(axis+len(shape))%len(shape)] = v.Shape()[0]
	return b.Reshape(v, shape...)
}

// channelAxis is that of images [B, C, H, W] or of [..., C], where it counts from the end.
func channelAxis(x *Node) int {
	if x != nil && len(x.Shape()) == 4 {
		return 1
	}
	return -1
}

// Branch declares a branch of a residual block: x [..., C] is the residual stream where the branch leaves it, h what the branch
// reads, behind its own normalisation (x again if it has none), and y [..., D] the branch's output. It returns y as edits leave it; the
// caller adds the residual. Images are [B, C, H, W] instead.
func (b *Builder) Branch(name string, x, h, y *Node) *Node { return b.branch(name, x, h, y, true) }

// BranchWithoutSum is a Branch whose output the caller does not add to the stream, but concatenates with it or puts in its place.
func (b *Builder) BranchWithoutSum(name string, x, h, y *Node) *Node {
	return b.branch(name, x, h, y, false)
}

func (b *Builder) branch(name string, x, h, y *Node, sum bool) *Node {
	in, out := b.width(name, x, channelAxis(x), 2), b.width(name, y, channelAxis(y), 2)
	if b.err != nil {
		return nil
	}
	m := b.Sub(name)
	if len(y.Shape()) == 4 {
		m = m.OnGrid(y.Shape()[2], y.Shape()[3])
	}
	s := b.site(name, Site{Kind: KindBranch, In: in, Out: out, Grid: m.grid, Sum: sum, Last: b.made[y]})
	for _, e := range b.plan.bySite[s.Path] {
		if b.err != nil {
			return nil
		}
		switch e := e.(type) {
		case Parallel:
			from := x
			if e.Normed {
				from = h
			}
			y = b.Add(y, m.add(func() *Node { return e.Fn(m, from) }))
		case After:
			y = m.add(func() *Node { return e.Fn(m, y) })
		case Scale:
			y = b.scale(m, s, y, func(v *Node, _ int) *Node { return v })
		}
	}
	return y
}

// Features declares the features y [B, D] that the head reads, and returns them as edits leave them.
func (b *Builder) Features(name string, y *Node) *Node {
	s := Site{Kind: KindFeatures, Out: b.width(name, y, 1, 2)}
	if b.err != nil {
		return nil
	}
	m := b.Sub(name)
	s = b.site(name, s)
	for _, e := range b.plan.bySite[s.Path] {
		if e, ok := e.(After); ok && b.err == nil {
			y = m.add(func() *Node { return e.Fn(m, y) })
		}
	}
	return b.align(m, s, y)
}

// Attention is scaled dot-product attention of q [B, N, D] on k, v [B, M, D].
func (b *Builder) Attention(name string, q, k, v *Node, heads int, causal bool) *Node {
	s := Site{Kind: KindAttention, In: b.width(name, k, 2, 3), Out: b.width(name, v, 2, 3)}
	if b.err != nil {
		return nil
	}
	m := b.Sub(name)
	s = b.site(name, s)
	before := 0
	for _, e := range b.plan.bySite[s.Path] {
		if e, ok := e.(Prefix); ok {
			k, v = m.front(k, e.Key, e), m.front(v, e.Value, e)
			if before = e.N; causal && b.err == nil {
				// Queries of the prefix, whose outputs are dropped, keep query i at key i.
				q = b.Concat(1, b.Slice(k, 1, 0, e.N), q)
			}
		}
	}
	y := b.do(name, func() (*Node, error) { return op.Attention(q, k, v, heads, causal) })
	if causal && before > 0 && b.err == nil {
		y = b.Slice(y, 1, before, y.Shape()[1]-before)
	}
	return y
}

// front puts the learned rows of a Prefix before those of x [B, M, D].
func (b *Builder) front(x *Node, name string, e Prefix) *Node {
	if b.err != nil {
		return nil
	}
	batch, d := x.Shape()[0], x.Shape()[2]
	rows := b.add(func() *Node { return b.Param(name, []int{e.N, d}, e.Init) })
	return b.Concat(1, b.Expand(b.Reshape(rows, 1, e.N, d), batch, e.N, d), x)
}

// Block declares a block of the backbone and builds it by f below name. Blocks are numbered in the order of their building, and
// everything f declares belongs to the block.
func (b *Builder) Block(name string, x *Node, f func(b *Builder, x *Node) *Node) *Node {
	if b.err != nil {
		return nil
	}
	m := b.enter(name, Site{Kind: KindBlock, Out: b.width(name, x, channelAxis(x), 2)})
	return m.leave(f(m, x))
}

// TokenBlock is a Block on token sequences x [B, N, C], the first prefix of which are class tokens. An edit may
// insert tokens behind them for the time of the block, or of several in a row; f must not depend on their number.
func (b *Builder) TokenBlock(name string, x *Node, prefix int, f func(b *Builder, x *Node) *Node) *Node {
	c := b.width(name, x, 2, 3)
	if b.err != nil {
		return nil
	}
	m := b.enter(name, Site{Kind: KindTokens, Out: c, Prefix: prefix})
	for _, e := range b.plan.bySite[m.path] {
		if e, ok := e.(Tokens); ok {
			x, m.tokens = m.insert(e, x, prefix), &e
		}
	}
	y := f(m, x)
	if e := m.tokens; e != nil && (e.Until == "" || e.Until == m.path) {
		y, m.tokens = m.remove(*e, y, prefix), nil
	}
	return m.leave(y)
}

// insert puts the tokens of e behind the first prefix ones of x.
func (b *Builder) insert(e Tokens, x *Node, prefix int) *Node {
	if b.tokens != nil {
		b.fail("", fmt.Errorf("tokens of %s are in the sequence already", b.tokens.Site))
		return nil
	}
	batch, n, c := x.Shape()[0], x.Shape()[1], x.Shape()[2]
	tokens := b.Expand(b.add(func() *Node { return b.Param(e.Name, []int{1, e.N, c}, e.Init) }), batch, e.N, c)
	if prefix == 0 {
		return b.Concat(1, tokens, x)
	}
	return b.Concat(1, b.Slice(x, 1, 0, prefix), tokens, b.Slice(x, 1, prefix, n-prefix))
}

// remove takes them out again.
func (b *Builder) remove(e Tokens, y *Node, prefix int) *Node {
	if b.err != nil {
		return nil
	}
	rest := y.Shape()[1] - e.N - prefix
	if prefix == 0 {
		return b.Slice(y, 1, e.N, rest)
	}
	return b.Concat(1, b.Slice(y, 1, 0, prefix), b.Slice(y, 1, prefix+e.N, rest))
}

// enter records a block site and returns the builder inside it.
func (b *Builder) enter(name string, s Site) *Builder {
	m := b.Sub(name)
	m.block = b.sites.Blocks
	b.sites.Blocks++
	m.site("", s)
	return m
}

// leave notes the output of the block at b.
func (b *Builder) leave(y *Node) *Node {
	b.blocks[b.path] = y
	return y
}
