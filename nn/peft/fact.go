package peft

import (
	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/nn/layer"
)

// fact is what both FacT methods share: the change s * V' S U' of a weight, with U [r, d] and V [d, r] of all layers and S [c r, a r] of the layer. A
// map from a*d to c*d channels applies U to each of the a parts of its input and V to each of its c outputs: U' and V' are block diagonal.
type fact struct {
	width, rank    int // d and r
	in, out        int // a and c, one of which is 1
	scale, dropout float64
	core           func(b *layer.Builder) *layer.Node // S
	coreMerged     func(v layer.Values) []float64     // S in float64
}

const factU, factV = "fact_u", "fact_v"

// factTargets are the linear maps of the blocks, slices apart, if the widths of all are multiples of the blocks' one width d; else none.
func factTargets(s layer.Sites) (out []target, width int) {
	for _, x := range s.Sites {
		switch {
		case x.Kind == layer.KindBlock || x.Kind == layer.KindTokens:
			if width != 0 && x.Out != width {
				return nil, 0
			}
			width = x.Out
		case x.Kind == layer.KindConv && x.Block >= 0:
			return nil, 0
		case x.Kind == layer.KindLinear && x.Block >= 0:
			parts := targets(x)
			if len(parts) > 1 {
				parts = parts[1:]
			}
			out = append(out, parts...)
		}
	}
	for _, t := range out {
		if t.site.In%width != 0 || t.outputs()%width != 0 || t.site.In != width && t.outputs() != width {
			return nil, 0
		}
	}
	return out, width
}

// edit is the change as an edit of t.
func (f fact) edit(t target) layer.Edit {
	return layer.Delta{Site: t.site.Path, Slice: t.slice, Output: f.output, Merged: f.merged}
}

func (f fact) output(b *layer.Builder, x *layer.Node) *layer.Node {
	rows := accel.Volume(x.Shape()) / (f.in * f.width)
	shape := append(x.Shape()[:len(x.Shape())-1].Clone(), f.out*f.width)
	u := b.Shared().Param(factU, []int{f.rank, f.width}, layer.FanIn)
	v := b.Shared().Param(factV, []int{f.width, f.rank}, layer.Zeros)
	y := b.Reshape(b.MatMul(b.Reshape(x, rows, f.in, f.width), u, nil), rows, f.in*f.rank)
	y = b.Dropout("fact_dropout", b.MatMul(y, f.core(b), nil), float32(f.dropout))
	y = b.MatMul(b.Reshape(y, rows, f.out, f.rank), v, nil)
	return b.Scale(b.Reshape(y, shape...), float32(f.scale))
}

func (f fact) merged(values layer.Values) []float64 {
	u, v, core := widen(values.Shared(factU), 1), widen(values.Shared(factV), f.scale), f.coreMerged(values)
	d, r := f.width, f.rank
	out := make([]float64, f.out*d*f.in*d)
	for c := range f.out {
		for a := range f.in {
			block := make([]float64, r*r) // of S, [r, r]
			for i := range r {
				copy(block[i*r:(i+1)*r], core[(c*r+i)*f.in*r+a*r:])
			}
			part := matMul(matMul(v, block, r), u, r) // [d, d]
			for i := range d {
				copy(out[(c*d+i)*f.in*d+a*d:], part[i*d:(i+1)*d])
			}
		}
	}
	return out
}
