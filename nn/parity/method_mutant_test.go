package main

import (
	"math"
	"strings"

	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/op"
)

// Mistakes in methods, for mutants: each leaves an edit of another method as it is.

func shiftFirst(name string, v []float32) {
	if path, ok := strings.CutSuffix(name, "ssf_shift"); ok {
		for i, s := range values(1, path+"ssf_scale", []int{len(v)}) {
			v[i] *= s
		}
	}
}

func beforeActivation(e layer.Edit) layer.Edit {
	if s, ok := e.(layer.Scale); ok && s.Input && strings.HasSuffix(s.Site, "fc2") {
		s.Input, s.Site = false, strings.TrimSuffix(s.Site, "fc2")+"fc1"
		return s
	}
	return e
}

// hiddenVector gives the moved vectors of (IA)3 the values that they have in their place.
func hiddenVector(name string, v []float32) {
	if path, ok := strings.CutSuffix(name, "fc1.ia3_l"); ok {
		copy(v, values(1, path+"fc2.ia3_l", []int{len(v)}))
	}
}

func withoutGamma(e layer.Edit) layer.Edit {
	if s, ok := e.(layer.Scale); ok && s.Scale == "gamma" && strings.HasSuffix(s.Site, ".mlp") {
		return nil
	}
	return e
}

func gridOnly(e layer.Edit) layer.Edit {
	p, ok := e.(layer.Parallel)
	if !ok || !p.Normed {
		return e
	}
	fn := p.Fn
	p.Fn = func(b *layer.Builder, x *layer.Node) *layer.Node {
		y := fn(b, x)
		h, w := b.Grid()
		rest := x.Shape()[1] - h*w
		if b.Err() != nil || rest == 0 {
			return y
		}
		return b.Concat(1, b.Scale(b.Slice(y, 1, 0, rest), 0), b.Slice(y, 1, rest, h*w))
	}
	return p
}

// exchangeChanges has the changes of two slices compute under the paths of each other.
func exchangeChanges(one, other string) func(layer.Edit) layer.Edit {
	return func(e layer.Edit) layer.Edit {
		d, ok := e.(layer.Delta)
		if !ok || d.Slice != one && d.Slice != other {
			return e
		}
		if d.Slice == other {
			return nil
		}
		output := d.Output
		d.Slice = ""
		d.Output = func(b *layer.Builder, x *layer.Node) *layer.Node {
			q, v := output(b.Sub(one), x), output(b.Sub(other), x)
			return b.Concat(2, v, b.Scale(v, 0), q)
		}
		return d
	}
}

func ownFactors(e layer.Edit) layer.Edit {
	d, ok := e.(layer.Delta)
	if !ok || d.Slice != "k" { // LoRA has none there
		return e
	}
	d.Output = func(b *layer.Builder, x *layer.Node) *layer.Node {
		width := x.Shape()[2]
		u, v := b.Param("fact_u", []int{2, width}, layer.FanIn), b.Param("fact_v", []int{width, 2}, layer.Zeros)
		return b.MatMul(b.MatMul(b.MatMul(x, u, nil), b.Param("fact_s", []int{2, 2}, layer.FanIn), nil), v, nil)
	}
	return d
}

// attachedNorm normalises rows once more, which changes no value, with a gradient through the norm: v / |v| is the layer norm of (v, -v) by the
// root of v's length. Its gain of ones is a norm's gain by its own size, for constants are none of a network's.
func attachedNorm(e layer.Edit) layer.Edit {
	r, ok := e.(layer.Reweight)
	block, isQKV := strings.CutSuffix(r.Site, "attn.qkv")
	if !ok || !isQKV || r.Slice == "" {
		return e
	}
	weight := r.Weight
	r.Weight = func(b *layer.Builder, w *layer.Node) *layer.Node {
		y := weight(b, w)
		if b.Err() != nil {
			return nil
		}
		rows, n := y.Shape()[0], y.Shape()[1]
		m, g := b.Node(r.Site+"."+r.Slice+".lora_magnitude_vector"), b.Node(block+"norm1.weight")
		ones := b.Concat(0, g, g)
		ones = b.OverNorm(ones, b.Reshape(ones, 2*n, 1))
		z, err := op.LayerNorm(b.Concat(1, y, b.Scale(y, -1)), ones, b.Scale(ones, 0), 1e-12)
		if err != nil {
			return nil
		}
		return b.Scale(b.Mul(b.Slice(z, 1, 0, n), b.Reshape(m, rows, 1)), float32(1/math.Sqrt(float64(n))))
	}
	return r
}
