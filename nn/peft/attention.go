package peft

import (
	"strings"

	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/model"
)

// Attention trains the projections of every attention, weights and biases, and a vision transformer's position embedding.
//
// Paper: Touvron et al. 2022, arXiv:2203.09795; reference code facebookresearch/deit and, with the same rule, Raman1121/Layer-Masking: names that
// contain ".attn.", the position embedding and the head; the patch embedding, norms and MLPs stay frozen. The author's rule for
// text encoders, names that contain "self_attn", trains no positions. In a U-Net these are the matrices of attn1 and attn2 alone;
// the author's rule there takes whole spatial transformers and is the method attention_blocks: three times as many
// weights under the same published name. A mask of blocks leaves the positions out, since they lie before the blocks.
//
// Learning rates: the author's SD runs use ten times full fine-tuning's; so does this for the U-Net, classifiers take full fine-tuning's.
//
// Counts: ViT-B/16 28,499,712, without positions 28,348,416; CLIP-L text 28,348,416; SD-1.5's U-Net 93,536,640.
type Attention struct {
	Positions bool `pipe:"positions" default:"true" doc:"train the position embedding of a vision transformer too"`
}

func init() {
	register(Method{
		Name: "attention", Title: "Attention tuning", Formula: "softmax(q k^T) v, the projections to q, k, v and out train", Paper: "arXiv:2203.09795",
		Step0: Equal, Merge: Exact, Statistics: layer.FrozenStatistics, PEFTType: "ATTENTION",
		Rates: Rates{model.Transformer: 1e-3, model.Diffusion: 1e-3},
		New:   func() Config { return &Attention{} },
	})
}

// Apply implements Config.
func (c *Attention) Apply(s layer.Sites) ([]layer.Edit, error) {
	inside := inAttention(s)
	edits := train(s, inside)
	if len(edits) == 0 || !c.Positions {
		return edits, nil
	}
	return train(s, func(p layer.Param) bool { return inside(p) || strings.HasSuffix(p.Name, "pos_embed") }), nil
}
