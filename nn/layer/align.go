package layer

import "fmt"

// Align maps the features y [B, C] that the head reads to y A^T by a learned matrix A [C, C]. It merges into the head, where that is one linear
// map.
type Align struct {
	Site string
	Name string // of the new parameter
	Init Init
}

// At is the site's path.
func (e Align) At() string { return e.Site }

// Eye is c on the diagonal of a matrix [out, in], or of a kernel [out, in, 1, 1], and 0 elsewhere.
func Eye(c float32) Init {
	return func(_ Source, fanIn, fanOut int, data []float32) {
		clear(data)
		for i := range min(fanIn, fanOut) {
			data[i*fanIn+i] = c
		}
	}
}

// align applies the Align edit of s to the features y.
func (b *Builder) align(m *Builder, s Site, y *Node) *Node {
	for _, e := range b.plan.bySite[s.Path] {
		if e, ok := e.(Align); ok && b.err == nil {
			y = m.MatMul(y, m.add(func() *Node { return m.Param(e.Name, []int{s.Out, s.Out}, e.Init) }), nil)
		}
	}
	return y
}

// mergeAlign works y' = y A^T into the head's weight: y' H^T = y (H A)^T.
func mergeAlign(out, w *Weights, sites Sites, s Site, e Align) error {
	var head []Site
	for _, x := range sites.Sites {
		if x.Head {
			head = append(head, x)
		}
	}
	if len(head) != 1 || head[0].Kind != KindLinear || head[0].In != s.Out {
		return fmt.Errorf("%s: a map of the features in front of a head that is not one linear map %w", s.Path, ErrNotMergeable)
	}
	a, h, c := w.Data(s.Path+"."+e.Name), out.Data(head[0].Path+".weight"), s.Out
	row := make([]float64, c)
	for i := range head[0].Out {
		clear(row)
		for k := range c {
			f := float64(h[i*c+k])
			for j := range row {
				row[j] += float64(f * float64(a[k*c+j]))
			}
		}
		for j, v := range row {
			h[i*c+j] = float32(v)
		}
	}
	return nil
}
