package peft

import (
	"math"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/linalg"
	"github.com/pipe-ml/pipe/nn/model"
)

// SVDiff shifts the singular values of weights: W = U diag(S) V^T becomes U diag(relu(S + scale * delta)) V^T.
//
// It acts on all linear maps, convolutions (flattened to out x in*k*k) and normalisations; the gain of a normalisation is a matrix of one row and has
// one delta. delta is 0 at first. U, S and V are constants that follow from W: they are computed when a network is first run, which takes some n^3 steps for
// the smaller side n, and are never saved. Computed as W + U diag(relu(S + scale * delta) - S) V^T, the same function: step 0 equals the frozen model
// in every bit, where the reference has the rounding of the decomposition. It merges.
//
// Paper: Han et al. 2023, arXiv:2303.11305; reference code mkshing/svdiff-pytorch, which learns at 1e-3 and the deltas of normalisations at 1e-6: here all have one
// rate. A singular value of 0 cannot be raised, as relu has no slope there.
//
// Counts: SD-1.5 U-Net 222,805.
type SVDiff struct {
	Scale float64 `pipe:"scale" default:"1" doc:"the shifts are multiplied by it"`
}

func init() {
	register(Method{
		Name: "svdiff", Title: "SV-Diff", Formula: "U diag(relu(S + scale * delta)) V^T", Paper: "arXiv:2303.11305",
		Step0: Equal, Merge: Exact, Statistics: layer.FrozenStatistics, PEFTType: "SVDIFF",
		Rates: Rates{model.CNN: 1e-2, model.Transformer: 1e-2, model.Diffusion: 1e-3},
		New:   func() Config { return &SVDiff{} },
	})
}

const svdDelta, svdU, svdS, svdV = "svdiff_delta", "svdiff_u", "svdiff_s", "svdiff_v"

// Apply implements Config.
func (c *SVDiff) Apply(s layer.Sites) ([]layer.Edit, error) {
	var edits []layer.Edit
	for _, x := range ofKind(s, func(x layer.Site) bool {
		return x.Kind == layer.KindLinear || x.Kind == layer.KindConv || x.Kind.IsNorm()
	}) {
		rows := x.Out
		if x.Kind.IsNorm() {
			rows = 1
		}
		cols := accel.Volume(x.Weight) / rows
		edits = append(edits, layer.Reweight{Site: x.Path,
			Weight: func(b *layer.Builder, w *layer.Node) *layer.Node { return c.weight(b, w, rows, cols) },
			Merged: func(w []float32, v layer.Values) []float64 { return c.merged(w, v, rows, cols) }})
	}
	return edits, nil
}

func (c *SVDiff) weight(b *layer.Builder, w *layer.Node, rows, cols int) *layer.Node {
	r := min(rows, cols)
	usv := b.Derive(layer.Derived{
		Names: []string{svdU, svdS, svdV}, Shapes: [][]int{{rows, r}, {1, r}, {cols, r}}, Buffer: true,
		From: func(base []float32) [][]float32 {
			u, s, v := linalg.SVD(base, rows, cols)
			return [][]float32{u, s, v}
		}})
	delta := b.Reshape(b.Param(svdDelta, []int{r}, layer.Zeros), 1, r)
	moved := b.ReLU(b.Add(usv[1], b.Scale(delta, float32(c.Scale))))
	change := b.MatMul(b.Mul(usv[0], b.Add(moved, b.Scale(usv[1], -1))), usv[2], nil)
	return b.Add(w, b.Reshape(change, w.Shape()...))
}

func (c *SVDiff) merged(w []float32, values layer.Values, rows, cols int) []float64 {
	r := min(rows, cols)
	u, v := widen(values.At(svdU), 1), widen(values.At(svdV), 1)
	s, delta := values.At(svdS), values.At(svdDelta)
	for k := range r {
		change := math.Max(float64(s[k])+float64(c.Scale*float64(delta[k])), 0) - float64(s[k])
		for i := range rows {
			u[i*r+k] *= change
		}
	}
	out := make([]float64, rows*cols)
	for i := range rows {
		for j := range cols {
			out[i*cols+j] = linalg.Dot(u[i*r:(i+1)*r], v[j*r:(j+1)*r])
		}
	}
	return plus(w, out)
}
