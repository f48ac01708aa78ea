package peft

import (
	"fmt"

	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/model"
)

// DiffFit trains biases and norms, and multiplies outputs by learned vectors gamma: x + gamma * branch(x) for attentions and feed-forwards,
// and gamma * (W x) for the projections to q, k, v and out of the attentions. gamma starts at 1: step 0 equals the frozen model. It merges.
//
// Paper: Xie et al. 2023, arXiv:2304.06648; reference code: the author's port to Stable Diffusion
// (Raman1121/Diffusion_Memorization_HPO, difffit/), which has all eleven vectors of a block; the paper, on DiT, has one behind attention and one behind the
// MLP. Behind the projection out two vectors act in a row. Deviations: that port's text encoder has no vectors behind its branches, here
// transformers are treated alike; its masks of blocks leave the third attention of each up block out, here a mask means all of a block.
//
// Learning rates: the port's README has 1e-3 for SD, ten times attention tuning's; here bitfit's.
//
// Counts: SD-1.5's U-Net 581,124, gammas 137,280; ViT-B/16 177,408, gammas 55,296.
type DiffFit struct{}

func init() {
	register(Method{
		Name: "difffit", Title: "DiffFit", Formula: "x + gamma * f(x), gamma * (W x + b), gammas, biases and norms train", Paper: "arXiv:2304.06648",
		Step0: Equal, Merge: Exact, Statistics: layer.FrozenStatistics, PEFTType: "DIFFFIT",
		Rates: Rates{model.Transformer: 1e-2, model.Diffusion: 5e-3},
		New:   func() Config { return &DiffFit{} },
	})
}

// Apply implements Config.
func (*DiffFit) Apply(s layer.Sites) ([]layer.Edit, error) {
	var edits []layer.Edit
	gamma := func(x layer.Site) {
		edits = append(edits, layer.Scale{Site: x.Path, Scale: "gamma", ScaleInit: layer.Ones})
	}
	attentions, feedForwards := parts(s)
	for _, p := range attentions {
		for _, x := range p.maps {
			gamma(x)
		}
		gamma(p.Site)
	}
	for _, p := range feedForwards {
		gamma(p.Site)
	}
	if len(edits) == 0 {
		return nil, nil
	}
	for _, p := range append(attentions, feedForwards...) {
		if p.Last == "" {
			return nil, fmt.Errorf("%w: no linear map ends %s, so that its vector could not be merged", ErrUnfit, p.Path)
		}
	}
	norm := affine(s, layer.Kind.IsNorm)
	return append(train(s, func(p layer.Param) bool { return norm(p) || isBias(p) }), edits...), nil
}
