package peft

import (
	"math"

	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/model"
)

// FacTTK changes all weights of a transformer's blocks by one Tucker decomposition: W + s V S U with S = C P by layer, and U, V and the core C shared by
// all layers.
//
// It acts where FacTTT does. P [r, m] is each d x d part's own column, m of them in fc1 and fc2; C [r, r, r]. S[i, j] = sum_k C[i, j, k] P[k], the parts of fc1 and
// fc2 being interleaved as the reference's reshapes do. U [r, d] starts as kaiming_uniform(a=sqrt(5)), C and P as Xavier uniform, V at 0: step 0 equals the
// frozen model. It merges.
//
// Paper: Jie and Deng 2023, arXiv:2212.03145; reference code JieShibo/PETL-ViT, which holds all columns of P in one matrix, here one for each
// site, so that a mask leaves nothing behind; the initial bound is that of the whole.
//
// Counts, rank 32: ViT-B/16 86,528.
type FacTTK struct {
	Rank    int     `pipe:"rank" default:"32" min:"1" doc:"rank of the change"`
	Scale   float64 `pipe:"scale" default:"1" doc:"the change is multiplied by it; the paper searches 0.01 to 100"`
	Dropout float64 `pipe:"dropout" default:"0.1" min:"0" max:"0.99" doc:"share of S's outputs that training leaves out"`
}

func init() {
	register(Method{
		Name: "fact_tk", Title: "FacT, Tucker", Formula: "W + s V (C P) U, with U, V and C of all layers", Paper: "arXiv:2212.03145",
		Step0: Equal, Merge: Exact, Statistics: layer.FrozenStatistics, PEFTType: "FACT_TK",
		Rates: Rates{model.Transformer: 1e-2},
		New:   func() Config { return &FacTTK{} },
	})
}

const factC, factP = "fact_c", "fact_p"

// Apply implements Config.
func (c *FacTTK) Apply(s layer.Sites) ([]layer.Edit, error) {
	chosen, width := factTargets(s)
	columns := 0
	for _, t := range chosen {
		columns += max(t.site.In, t.outputs()) / width
	}
	bound := math.Sqrt(6 / float64(c.Rank+columns))
	var edits []layer.Edit
	for _, t := range chosen {
		f := fact{width: width, rank: c.Rank, in: t.site.In / width, out: t.outputs() / width, scale: c.Scale, dropout: c.Dropout}
		f.core = func(b *layer.Builder) *layer.Node { return f.tucker(b, bound) }
		f.coreMerged = f.tuckerMerged
		edits = append(edits, f.edit(t))
	}
	return edits, nil
}

// tucker is S [c r, a r]. C P is [r, r, m] and read as [r, r m], which is S where the input has m parts and S^T else.
func (f fact) tucker(b *layer.Builder, bound float64) *layer.Node {
	r, m := f.rank, max(f.in, f.out)
	core := b.Shared().Param(factC, []int{r, r, r}, layer.XavierUniform)
	p := b.Param(factP, []int{r, m}, layer.Uniform(bound))
	s := b.Reshape(b.MatMul(core, b.Permute(p, 1, 0), nil), r, r*m)
	if f.in > 1 {
		return s
	}
	return b.Permute(s, 1, 0)
}

func (f fact) tuckerMerged(v layer.Values) []float64 {
	r, m := f.rank, max(f.in, f.out)
	s := matMul(widen(v.Shared(factC), 1), widen(v.At(factP), 1), r) // [r r, m]
	if f.in > 1 {
		return s
	}
	return transpose(s, r, r*m)
}
