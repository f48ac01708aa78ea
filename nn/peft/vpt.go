package peft

import (
	"math"

	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/model"
)

// VPT is visual prompt tuning: learned tokens behind the class token. Deep, each block gets its own, whose outputs are dropped behind the
// block; shallow (deep = false), they enter before the first block, go through all of them, and are dropped behind the last.
//
// Paper: Jia et al. 2022, arXiv:2203.12119; reference code KMnP/vpt: 5 tokens, uniform within sqrt(6 / (3 * patch^2 + d)), no
// dropout. Deviations: in place of 3 * patch^2 stands the fan-in of the patch embedding, so that gray images get their own bound; the
// last tokens leave before the final norm, which changes nothing for a class token, and keeps them out of a mean of the patches. Shallow tokens belong to the first block: a mask must leave it in. New inputs change the output at
// step 0, and no weights express them. For vision transformers with a class token; other backbones are refused.
//
// Counts, 10 tokens: ViT-B/16 deep 92,160 = 12 * 10 * 768, shallow 7,680.
type VPT struct {
	Tokens int  `pipe:"tokens" default:"5" min:"1" doc:"learned tokens, of each block or of the first"`
	Deep   bool `pipe:"deep" default:"true" doc:"tokens of their own for each block; false: before the first block only (VPT-shallow)"`
}

func init() {
	register(Method{
		Name: "vpt", Title: "Visual prompt tuning", Formula: "x_i = block_i([class, P_i, patches]); shallow: P_1 alone", Paper: "arXiv:2203.12119",
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
	blocks := ofKind(s, func(x layer.Site) bool { return x.Kind == layer.KindTokens && x.Prefix > 0 })
	until := ""
	if !c.Deep && len(blocks) > 0 {
		blocks, until = blocks[:1], blocks[len(blocks)-1].Path
	}
	var edits []layer.Edit
	for _, x := range blocks {
		bound := math.Sqrt(6 / float64(w[1]*w[2]*w[3]+x.Out))
		edits = append(edits, layer.Tokens{Site: x.Path, Until: until, N: c.Tokens, Name: "prompt_embeddings", Init: layer.Uniform(bound)})
	}
	return edits, nil
}
