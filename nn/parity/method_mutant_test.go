package main

import (
	"math"
	"regexp"
	"strings"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/kernel"
	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/op"
)

// methodMutants are mistakes in methods.
var methodMutants = []mutant{
	{of: "ssf", name: "SSF's shift before its scale", weight: shiftFirst},
	{of: "ia3", name: "(IA)3 before the activation", method: beforeActivation, weight: hiddenVector},
	{of: "difffit", name: "DiffFit without the vector behind the feed-forward", method: withoutGamma},
	{of: "convpass", name: "Convpass without its rule for the class token", method: gridOnly},
	{of: "lora", name: "LoRA's q and v exchanged", method: exchangeChanges("q", "v")},
	{of: "fact_tt", name: "FacT's U and V of a layer's own", method: ownFactors, weight: sharedValues},
	{of: "dora", name: "DoRA's norm with a gradient", method: attachedNorm},
	{of: "full", name: "full without the patch embedding", method: freezes(`^patch_embed`)},
	{of: "linear", name: "linear without the head's bias", method: freezes(`^head\.bias`)},
	{of: "bitfit", name: "bitfit without the biases of norms", method: freezes(`(norm|bn)\w*\.bias`)},
	{of: "norm", name: "norm without the last one", method: freezes(`^norm\.|^conv_norm_out\.`)},
	{of: "layer_norm", name: "layer_norm without the last one", method: freezes(`^norm\.`)},
	{of: "group_norm", name: "group_norm without the spatial transformers'", method: freezes(`attentions`)},
	{of: "batch_norm", name: "batch_norm by the running statistics", edit: func(c *Case) { c.Options = map[string]any{"statistics": "frozen"} }},
	{of: "attention", name: "attention without positions", method: freezes(`^pos_embed`)},
	{of: "attention_blocks", name: "attention_blocks with the attentions alone", method: freezes(`proj_in|proj_out|\.ff\.|norm`)},
	{of: "norm_bias", name: "norm_bias without gains", method: freezes(`norm\w*\.weight`)},
	{of: "norm_bias_attention", name: "norm_bias_attention without biases elsewhere", method: freezes(`resnets.*bias`)},
	{of: "adaptformer", name: "AdaptFormer's scale left out", edit: option("scale", 1.0)},
	{of: "adaptformer", name: "AdaptFormer behind the norm", method: setNormed(true)},
	{of: "vpt", name: "VPT's tokens not replaced by layer", method: firstTokensAlone},
	{of: "vpt", name: "VPT's tokens before the class token", inputs: tokensFirst},
	{of: "vpt_shallow", name: "VPT-shallow's tokens a block late", method: blockLate, weight: firstPrompts},
	{of: "vpt_shallow", name: "VPT-shallow's tokens for the first block alone", method: leavingEarly},
	{of: "prefix", name: "the prefix's keys and values exchanged", method: exchangedPrefix},
	{of: "adapter", name: "the adapter without its shortcut", method: withoutShortcut},
	{of: "compacter", name: "Compacter's GELU by erf", swap: map[string]string{"gelu_tanh": "gelu"}, attrs: into[kernel.GELUTanh](kernel.GELU{})},
	{of: "convpass", name: "Convpass's scale left out", edit: option("scale", 1.0)},
	{of: "convpass", name: "Convpass on the stream before the norm", method: setNormed(false)},
	{of: "fact_tt", name: "FacT's scale left out", edit: option("scale", 1.0)},
	{of: "fact_tk", name: "FacT's core transposed", weight: transposedCore},
	{of: "vera", name: "VeRA without its vector d", weight: onesForD},
	{of: "krona", name: "KronA's scale left out", edit: option("scale", 1.0)},
	{of: "krona", name: "KronA's factors exchanged", method: exchangedFactors},
	{of: "kadaptation", name: "KAdaptation's scale left out", edit: option("scale", 1.0)},
	{of: "svdiff", name: "SV-Diff's scale left out", edit: option("scale", 1.0)},
	{of: "svdiff", name: "SV-Diff with negative singular values", method: withoutCut},
	{of: "tsa", name: "TSA's alignment transposed", weight: transposedAlignment},
	{of: "tsa", name: "TSA without the convolutions of stride 2", method: unstrided},
	{of: "lite_residual", name: "a ReLU behind the lite residual module", method: behindReLU},
}

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

// ownFactors gives the keys of the first block factors of their own, with the values of the shared ones: only gradients tell.
func ownFactors(e layer.Edit) layer.Edit {
	d, ok := e.(layer.Delta)
	if !ok || d.Slice != "k" || d.Site != "blocks.0.attn.qkv" {
		return e
	}
	d.Output = func(b *layer.Builder, x *layer.Node) *layer.Node {
		width := x.Shape()[2]
		u, v := b.Param("fact_u", []int{2, width}, layer.FanIn), b.Param("fact_v", []int{width, 2}, layer.Zeros)
		y := b.MatMul(b.MatMul(x, u, nil), b.Param("fact_s", []int{2, 2}, layer.FanIn), nil)
		return b.Scale(b.MatMul(y, v, nil), 1.5)
	}
	return d
}

func sharedValues(name string, v []float32) {
	if factor, ok := strings.CutPrefix(name, "blocks.0.attn.qkv.k.fact_"); ok && factor != "s" {
		shape := map[string][]int{"u": {2, len(v) / 2}, "v": {len(v) / 2, 2}}[factor]
		copy(v, values(1, "shared.fact_"+factor, shape))
	}
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

func freezes(pattern string) func(layer.Edit) layer.Edit {
	names := regexp.MustCompile(pattern)
	return func(e layer.Edit) layer.Edit {
		if t, ok := e.(layer.Train); ok && names.MatchString(t.Param) {
			return nil
		}
		return e
	}
}

// edited makes a mutation of edits of type E, of which it drops those that f gives up.
func edited[E layer.Edit](f func(e *E) (keep bool)) func(layer.Edit) layer.Edit {
	return func(e layer.Edit) layer.Edit {
		x, ok := e.(E)
		if !ok {
			return e
		}
		if !f(&x) {
			return nil
		}
		return x
	}
}

func setNormed(normed bool) func(layer.Edit) layer.Edit {
	return edited(func(e *layer.Parallel) bool {
		e.Normed = normed
		return true
	})
}

// firstTokensAlone leaves those of the first block in the sequence.
var firstTokensAlone = edited(func(e *layer.Tokens) bool {
	if e.Until == "" {
		e.Until = "blocks.1"
	}
	return e.Site == "blocks.0"
})

// tokensFirst has what goes between two others come first.
func tokensFirst(kernel string, in []accel.Tensor) {
	if kernel == "concat" && len(in) == 3 {
		in[0], in[1] = in[1], in[0]
	}
}

var blockLate = edited(func(e *layer.Tokens) bool {
	e.Site, e.Until = e.Until, ""
	return true
})

var leavingEarly = edited(func(e *layer.Tokens) bool {
	e.Until = ""
	return true
})

// firstPrompts gives the moved tokens the values that they have in their place.
func firstPrompts(name string, v []float32) {
	if name == "blocks.1.prompt_embeddings" {
		copy(v, values(1, "blocks.0.prompt_embeddings", []int{1, len(v), 1}))
	}
}

var exchangedPrefix = edited(func(e *layer.Prefix) bool {
	e.Key, e.Value = e.Value, e.Key
	return true
})

var withoutShortcut = edited(func(e *layer.After) bool {
	fn := e.Fn
	e.Fn = func(b *layer.Builder, y *layer.Node) *layer.Node { return b.Add(fn(b, y), b.Scale(y, -1)) }
	return true
})

var behindReLU = edited(func(e *layer.Parallel) bool {
	fn := e.Fn
	e.Fn = func(b *layer.Builder, x *layer.Node) *layer.Node { return b.ReLU(fn(b, x)) }
	return true
})

func onesForD(name string, v []float32) {
	if strings.HasSuffix(name, "vera_lambda_d") {
		for i := range v {
			v[i] = 1
		}
	}
}

func transposedCore(name string, v []float32) {
	if name == "shared.fact_c" { // [2, 2, 2]
		v[2], v[3], v[4], v[5] = v[4], v[5], v[2], v[3]
	}
}

func transposedAlignment(name string, v []float32) {
	if n := int(math.Sqrt(float64(len(v)))); strings.HasSuffix(name, "tsa_beta") {
		for i := range n {
			for j := range i {
				v[i*n+j], v[j*n+i] = v[j*n+i], v[i*n+j]
			}
		}
	}
}

// exchangedFactors is x (B (x) A)^T.
var exchangedFactors = edited(func(e *layer.Delta) bool {
	e.Output = func(b *layer.Builder, x *layer.Node) *layer.Node {
		a, k := b.Param("krona_a", []int{4, 4}, layer.FanIn), b.Param("krona_b", []int{3, 3}, layer.Zeros)
		rows := accel.Volume(x.Shape()) / 12
		y := b.MatMul(b.Reshape(x, rows, 3, 4), a, nil) // [rows, 3, 4]
		y = b.MatMul(b.Permute(y, 0, 2, 1), k, nil)     // [rows, 4, 3]
		return b.Scale(b.Reshape(b.Permute(y, 0, 2, 1), x.Shape()...), .5)
	}
	return true
})

// withoutCut is W + U diag(scale * delta) V^T.
var withoutCut = edited(func(e *layer.Reweight) bool {
	weight, site := e.Weight, e.Site
	e.Weight = func(b *layer.Builder, w *layer.Node) *layer.Node {
		weight(b, w)
		if b.Err() != nil {
			return nil
		}
		delta := b.Node(site + ".svdiff_delta")
		moved := b.Scale(b.Reshape(delta, 1, delta.Shape()[0]), -.3)
		return b.Add(w, b.Reshape(b.MatMul(b.Mul(b.Node(site+".svdiff_u"), moved), b.Node(site+".svdiff_v"), nil), w.Shape()...))
	}
	return true
})

var strided = regexp.MustCompile(`^layer[234]\.0\.conv1$`)

var unstrided = edited(func(e *layer.Delta) bool { return !strided.MatchString(e.Site) })
