package peft

import (
	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/model"
)

// FacTTT changes all weights of a transformer's blocks by one tensor train: W + s V S U, U and V shared by all layers, S each one's own.
//
// It acts on q, k, v, proj, fc1 and fc2, whose d x 4d are four d x d. U [r, d] and S [r, r] start as kaiming_uniform(a=sqrt(5)), V [d, r] at 0: step 0 equals
// the frozen model. It merges. Refused where the blocks differ in width or hold convolutions.
//
// Paper: Jie and Deng 2023, arXiv:2212.03145; reference code JieShibo/PETL-ViT, which takes rank and scale from a file for each data set and has the width of
// ViT-B built in. It learns by AdamW at 1e-3, weight decay 1e-4, 100 epochs.
//
// Counts, rank 16: ViT-B/16 61,440.
type FacTTT struct {
	Rank    int     `pipe:"rank" default:"16" min:"1" doc:"rank of the change"`
	Scale   float64 `pipe:"scale" default:"1" doc:"the change is multiplied by it; the paper searches 0.01 to 100"`
	Dropout float64 `pipe:"dropout" default:"0.1" min:"0" max:"0.99" doc:"share of S's outputs that training leaves out"`
}

func init() {
	register(Method{
		Name: "fact_tt", Title: "FacT, tensor train", Formula: "W + s V S U, with U and V of all layers", Paper: "arXiv:2212.03145",
		Step0: Equal, Merge: Exact, Statistics: layer.FrozenStatistics, PEFTType: "FACT_TT",
		Rates: Rates{model.Transformer: 1e-2},
		New:   func() Config { return &FacTTT{} },
	})
}

const factS = "fact_s"

// Apply implements Config.
func (c *FacTTT) Apply(s layer.Sites) ([]layer.Edit, error) {
	var edits []layer.Edit
	chosen, width := factTargets(s)
	for _, t := range chosen {
		f := fact{width: width, rank: c.Rank, in: t.site.In / width, out: t.outputs() / width, scale: c.Scale, dropout: c.Dropout}
		f.core = func(b *layer.Builder) *layer.Node {
			return b.Param(factS, []int{f.out * f.rank, f.in * f.rank}, layer.FanIn)
		}
		f.coreMerged = func(v layer.Values) []float64 { return widen(v.At(factS), 1) }
		edits = append(edits, f.edit(t))
	}
	return edits, nil
}
