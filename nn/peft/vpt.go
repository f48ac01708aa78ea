package peft

import (
	"math"

	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/model"
)

// VPT is visual prompt tuning, deep: each block gets its own learned tokens behind the class token, and their outputs are dropped
// behind the block.
//
// Paper: Jia et al. 2022, arXiv:2203.12119; reference code KMnP/vpt: 5 tokens, uniform within sqrt(6 / (3 * patch^2 + d)), no
// dropout. Deviations: in place of 3 * patch^2 stands the fan-in of the patch embedding, so that gray images get their own bound; the
// last tokens leave before the final norm, which changes nothing since only the class token is read. New inputs change the output at
// step 0, and no weights express them. For vision transformers with a class token; other backbones are refused.
//
// Count: ViT-B/16 12 * tokens * 768.
type VPT struct {
	Tokens int `pipe:"tokens" default:"5" min:"1" doc:"learned tokens of each block"`
}

func init() {
	register(Method{
		Name: "vpt", Title: "Visual prompt tuning (deep)", Formula: "x_i = block_i([class, P_i, patches])", Paper: "arXiv:2203.12119",
		Step0: Differs, Merge: None, Statistics: layer.FrozenStatistics, PEFTType: "VPT",
		Rates: Rates{model.Transformer: 1e-2},
		New:   func() Config { return &VPT{} },
	})
}

// Apply implements Config.
func (c *VPT) Apply(s layer.Sites) ([]layer.Edit, error) {
	patch := ofKind(s, func(x layer.Site) bool { return x.Kind == layer.KindConv })
	if len(patch) == 0 {
		return nil, nil // no image goes in
	}
	w := patch[0].Weight
	var edits []layer.Edit
	for _, x := range ofKind(s, func(x layer.Site) bool { return x.Kind == layer.KindTokens && x.Prefix > 0 }) {
		bound := math.Sqrt(6 / float64(w[1]*w[2]*w[3]+x.Out))
		edits = append(edits, layer.Tokens{Site: x.Path, N: c.Tokens, Name: "prompt_embeddings", Init: layer.Uniform(bound)})
	}
	return edits, nil
}
