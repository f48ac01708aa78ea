package layer

// The places where edits meet the layers.

// add runs f with new parameters counted as the edit's.
func (b *Builder) add(f func() *Node) *Node {
	b.adding = true
	defer func() { b.adding = false }()
	return f()
}

// change is the sum of the deltas of s, or of its slice, that are computed on the activations, nil if there is none; m is the builder at
// the site.
func (b *Builder) change(m *Builder, s Site, slice string, x *Node) (sum *Node) {
	for _, e := range b.plan.bySite[s.Path] {
		if d, ok := e.(Delta); ok && d.Slice == slice && d.Output != nil && b.err == nil {
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

// deltaWeight adds the changes of s that are computed on the weight.
func (b *Builder) deltaWeight(m *Builder, s Site, w *Node) *Node {
	for _, e := range b.plan.bySite[s.Path] {
		if d, ok := e.(Delta); ok && d.Output == nil && b.err == nil {
			w = m.Add(w, m.add(func() *Node { return d.Weight(m) }))
		}
	}
	return w
}

// scale applies the Scale edit of a linear map or a convolution to its output y, or to the slice of it that cut takes from the
// channels.
func (b *Builder) scale(m *Builder, s Site, y *Node, cut func(v *Node, axis int) *Node) *Node {
	e, ok := b.scaleEdit(s)
	if !ok || b.err != nil {
		return y
	}
	shape := make([]int, len(y.Shape()))
	for i := range shape {
		shape[i] = 1
	}
	axis := len(shape) - 1
	if s.Kind == KindConv {
		axis = 1
	}
	shape[axis] = y.Shape()[axis]
	y = m.Mul(y, m.Reshape(cut(m.channels(s, e.Scale, e.ScaleInit), 0), shape...))
	if e.Shift != "" {
		y = m.Add(y, m.Reshape(cut(m.channels(s, e.Shift, e.ShiftInit), 0), shape...))
	}
	return y
}

// scaleNorm applies the Scale edit of a normalisation to its gain and bias.
func (b *Builder) scaleNorm(m *Builder, s Site, gain, bias *Node) (*Node, *Node) {
	e, ok := b.scaleEdit(s)
	if !ok || b.err != nil {
		return gain, bias
	}
	scale := m.channels(s, e.Scale, e.ScaleInit)
	gain, bias = m.Mul(gain, scale), m.Mul(bias, scale)
	if e.Shift != "" {
		bias = m.Add(bias, m.channels(s, e.Shift, e.ShiftInit))
	}
	return gain, bias
}

func (b *Builder) scaleEdit(s Site) (Scale, bool) {
	for _, e := range b.plan.bySite[s.Path] {
		if e, ok := e.(Scale); ok {
			return e, true
		}
	}
	return Scale{}, false
}

// channels declares a new parameter [s.Out] at the site.
func (b *Builder) channels(s Site, name string, init Init) *Node {
	return b.add(func() *Node { return b.Param(name, []int{s.Out}, init) })
}

// Branch declares a branch of a residual block: x [..., C] is the residual stream where the branch leaves it, before
// its normalisation, and y [..., C] the branch's output. It returns y as edits leave it; the caller adds the residual.
func (b *Builder) Branch(name string, x, y *Node) *Node {
	if b.err != nil {
		return nil
	}
	axis := -1
	if len(x.Shape()) == 4 {
		axis = 1
	}
	s := b.site(name, Site{Kind: KindBranch, In: b.width(name, x, axis, 2), Out: b.width(name, y, axis, 2)})
	m := b.Sub(name)
	for _, e := range b.plan.bySite[s.Path] {
		if e, ok := e.(Parallel); ok && b.err == nil {
			y = b.Add(y, m.add(func() *Node { return e.Fn(m, x) }))
		}
	}
	return y
}

// Block declares a block of the backbone and builds it by f below name. Blocks are numbered in the order of their building, and
// everything f declares belongs to the block.
func (b *Builder) Block(name string, x *Node, f func(b *Builder, x *Node) *Node) *Node {
	if b.err != nil {
		return nil
	}
	axis := -1
	if len(x.Shape()) == 4 {
		axis = 1
	}
	m := b.enter(name, Site{Kind: KindBlock, Out: b.width(name, x, axis, 2)})
	return m.leave(f(m, x))
}

// TokenBlock is a Block on token sequences x [B, N, C], the first prefix of which are class tokens. An edit may
// insert tokens behind them for the time of the block; f must not depend on their number.
func (b *Builder) TokenBlock(name string, x *Node, prefix int, f func(b *Builder, x *Node) *Node) *Node {
	c := b.width(name, x, 2, 3)
	if b.err != nil {
		return nil
	}
	m := b.enter(name, Site{Kind: KindTokens, Out: c, Prefix: prefix})
	for _, e := range b.plan.bySite[m.path] {
		if e, ok := e.(Tokens); ok {
			return m.leave(m.withTokens(e, x, prefix, f))
		}
	}
	return m.leave(f(m, x))
}

func (b *Builder) withTokens(e Tokens, x *Node, prefix int, f func(b *Builder, x *Node) *Node) *Node {
	batch, n, c := x.Shape()[0], x.Shape()[1], x.Shape()[2]
	tokens := b.add(func() *Node { return b.Param(e.Name, []int{1, e.N, c}, e.Init) })
	tokens = b.Expand(tokens, batch, e.N, c)
	if prefix == 0 {
		return b.Slice(f(b, b.Concat(1, tokens, x)), 1, e.N, n)
	}
	y := f(b, b.Concat(1, b.Slice(x, 1, 0, prefix), tokens, b.Slice(x, 1, prefix, n-prefix)))
	return b.Concat(1, b.Slice(y, 1, 0, prefix), b.Slice(y, 1, prefix+e.N, n-prefix))
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
