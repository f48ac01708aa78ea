package layer

import "strings"

// Reweight replaces a site's weight by a function of it and of new parameters: y = x f(W)^T + b. It serves changes
// that have no cheap form on the activations, on linear maps, their slices, convolutions and normalisations, whose weight
// is the gain [C].
type Reweight struct {
	Site, Slice string
	// Weight returns f(W) in the shape of w, which is the site's weight or the slice's rows of it. The builder is at the site's path, or at
	// path.slice.
	Weight func(b *Builder, w *Node) *Node
	// Merged returns f(W) in float64.
	Merged func(w []float32, v Values) []float64
}

// At is the site's path.
func (e Reweight) At() string { return e.Site }

// Values gives an edit the values of its parameters when it is merged.
type Values struct {
	weights *Weights
	path    string
	root    string
}

// At returns the parameter of that name at the edit's site, or slice, for reading only.
func (v Values) At(name string) []float32 { return v.weights.Read(v.path + "." + name) }

// Shared returns a parameter that sites share, for reading only.
func (v Values) Shared(name string) []float32 { return v.weights.Read(shared(v.root) + "." + name) }

// shared is where the parameters lie that sites of the network at root share. No published network has a part of that name.
func shared(root string) string { return strings.TrimPrefix(root+".shared", ".") }

// Shared is the builder of parameters that edits share between their sites. Each is declared by every site that uses it, and is one
// parameter, of no block: shared.NAME, below the network's root if it has one.
func (b *Builder) Shared() *Builder {
	c := *b
	c.path, c.block, c.base = shared(b.root), -1, nil
	return &c
}

// reweight is the weight w of s, or of its slice, as the edits leave it; m is the builder at the site.
func (b *Builder) reweight(m *Builder, s Site, slice string, w *Node) *Node {
	for _, e := range b.plan.bySite[s.Path] {
		if r, ok := e.(Reweight); ok && r.Slice == slice && b.err == nil {
			at := m.Sub(slice)
			at.base = func(w *Weights) []float32 { return s.rows(w.Read(s.Path+".weight"), slice) }
			w = m.add(func() *Node { return r.Weight(at, w) })
		}
	}
	return w
}

// rows is the part of the site's weight that a slice covers, all of it for "".
func (s Site) rows(data []float32, slice string) []float32 {
	if slice == "" {
		return data
	}
	n := len(data) / len(s.Slices)
	i := s.sliceIndex(slice)
	return data[i*n : (i+1)*n]
}

// Derived are parameters whose values follow from the weight at which an edit acts: computed when they are first asked for, by f, which
// must give the same bits on every machine.
type Derived struct {
	Names  []string // relative to the builder's path
	Shapes [][]int
	// Buffer says that they are constants, which are neither trained nor saved; else they begin so.
	Buffer bool
	// base is only for reading, and no part of what From returns.
	From func(base []float32) [][]float32
}

// Derive declares d at the site of a Reweight.
func (b *Builder) Derive(d Derived) []*Node {
	from := &derivation{base: b.base, from: d.From}
	for _, n := range d.Names {
		from.names = append(from.names, b.join(n))
	}
	nodes := make([]*Node, len(d.Names))
	for i, n := range d.Names {
		nodes[i] = b.param(n, d.Shapes[i], weight{buffer: d.Buffer, from: from})
	}
	return nodes
}

// derivation computes several parameters at once.
type derivation struct {
	names []string
	base  func(w *Weights) []float32
	from  func(base []float32) [][]float32
}

// derive fills those of d's parameters that have no values.
func (w *Weights) derive(d *derivation) {
	for i, data := range d.from(d.base(w)) {
		if p := w.weights[d.names[i]]; p.data == nil && p.view == nil {
			p.data = data
		}
	}
}
