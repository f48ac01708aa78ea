package peft

import (
	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/model"
)

// KAdaptation adds a sum of n Kronecker products to the weights of q and v: W + s sum_i A_i (x) B_i, the A_i [n, n] shared by all layers and of rank 1, the
// B_i [out/n, in/n] of low rank and each layer's own.
//
// A_i = (l_i r_i^T)^T for each of q and v, l and r uniform within 0.01; B_i = (u_i v_i^T)^T, u Xavier uniform, v 0: step 0 equals the frozen model. It
// merges. Linear maps only; n must divide their widths.
//
// Paper: He et al. 2022, arXiv:2203.16329; reference code eric-ai-lab/PEViT (n = 32, rank 1, s = 160). The reference begins with u and v both at 0, from where
// neither moves; makes the change of v of the factors of q; adds one trained bias to q and to v, which the paper does not have; adds the
// change to the queries behind their division by the root of the width, so that it weighs more there; and drops half of the change's elements
// in training. Here the paper's formula holds.
//
// Counts, n = 32, rank 1: ViT-B/16 q, v 40,960.
type KAdaptation struct {
	Division int      `pipe:"division" default:"32" min:"1" doc:"number n of Kronecker products, and side of the A_i"`
	Rank     int      `pipe:"rank" default:"1" min:"1" doc:"rank of the B_i"`
	Scale    float64  `pipe:"scale" default:"160" doc:"the change is multiplied by it"`
	Targets  []string `pipe:"targets" doc:"linear maps or slices by the end of their path; default: q and v of attentions"`
}

func init() {
	register(Method{
		Name: "kadaptation", Title: "KAdaptation", Formula: "W + s sum_i A_i (x) B_i", Paper: "arXiv:2203.16329",
		Step0: Equal, Merge: Exact, Statistics: layer.FrozenStatistics, PEFTType: "KADAPTATION",
		Rates: Rates{model.Transformer: 1e-2, model.Diffusion: 3e-3},
		New:   func() Config { return &KAdaptation{} },
	})
}

const kadaptLeft, kadaptRight = "kadaptation_left", "kadaptation_right"

// Apply implements Config.
func (c *KAdaptation) Apply(s layer.Sites) ([]layer.Edit, error) {
	chosen, err := linearTargets(s, c.Targets)
	if err != nil {
		return nil, err
	}
	var widths []int
	for _, t := range chosen {
		widths = append(widths, t.outputs(), t.site.In)
	}
	var edits []layer.Edit
	for _, t := range chosen {
		k := kronSum{n: c.Division, rank: c.Rank, out: t.outputs(), in: t.site.In, scale: c.Scale, rule: t.name()}
		if k.out%k.n != 0 || k.in%k.n != 0 {
			return nil, unfit("division", "%s is %d x %d, which %d does not divide: %d divides all targets", t.path(), k.out, k.in, k.n, commonDivisor(widths, k.n))
		}
		edits = append(edits, layer.Reweight{Site: t.site.Path, Slice: t.slice, Weight: k.weight, Merged: k.merged})
	}
	return edits, nil
}

// kronSum is the change of one weight.
type kronSum struct {
	n, rank, out, in int
	scale            float64
	rule             string // name of the shared A_i
}

// ruleName is the shared parameter that is side ("left" or "right") of the A_i.
func (k kronSum) ruleName(side string) string { return "kadaptation_" + k.rule + "_" + side }

// weight is W + s H^T, H = sum_i kron(l_i r_i^T, u_i v_i^T) [in, out]: the products of all elements of l_i r_i^T with all of u_i v_i^T are one matrix product over i, whose
// dimensions are then put in order.
func (k kronSum) weight(b *layer.Builder, w *layer.Node) *layer.Node {
	n, in, out := k.n, k.in/k.n, k.out/k.n
	small := layer.Uniform(.01)
	l := b.Shared().Param(k.ruleName("left"), []int{n, n, 1}, small)
	r := b.Shared().Param(k.ruleName("right"), []int{n, 1, n}, small)
	u := b.Param(kadaptLeft, []int{n, in, k.rank}, layer.XavierUniform)
	v := b.Param(kadaptRight, []int{n, k.rank, out}, layer.Zeros)
	outer := func(x, y *layer.Node, rows, cols int) *layer.Node { return b.Mul(b.Expand(x, n, rows, cols), y) }
	factor := outer(b.Slice(u, 2, 0, 1), b.Slice(v, 1, 0, 1), in, out) // [n, in/n, out/n]
	for i := 1; i < k.rank; i++ {
		factor = b.Add(factor, outer(b.Slice(u, 2, i, 1), b.Slice(v, 1, i, 1), in, out))
	}
	rule := b.Permute(b.Reshape(b.Scale(outer(l, r, n, n), float32(k.scale)), n, n*n), 1, 0) // [n n, n]
	h := b.MatMul(rule, b.Permute(b.Reshape(factor, n, in*out), 1, 0), nil)                  // [n n, in/n out/n]
	h = b.Permute(b.Reshape(h, n, n, in, out), 1, 3, 0, 2)                                   // [n, out/n, n, in/n]
	return b.Add(w, b.Reshape(h, k.out, k.in))
}

func (k kronSum) merged(w []float32, values layer.Values) []float64 {
	n, in, out := k.n, k.in/k.n, k.out/k.n
	l, r := widen(values.Shared(k.ruleName("left")), k.scale), widen(values.Shared(k.ruleName("right")), 1)
	u, v := widen(values.At(kadaptLeft), 1), widen(values.At(kadaptRight), 1)
	sum := make([]float64, k.in*k.out) // H
	for i := range n {
		rule := matMul(l[i*n:(i+1)*n], r[i*n:(i+1)*n], 1)
		factor := matMul(u[i*in*k.rank:(i+1)*in*k.rank], v[i*k.rank*out:(i+1)*k.rank*out], k.rank)
		kronecker(sum, rule, factor, n, n, in, out)
	}
	return plus(w, transpose(sum, k.in, k.out))
}
