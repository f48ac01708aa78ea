package peft

import (
	"slices"
	"strings"

	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/model"
)

// AttentionBlocks trains the whole spatial transformers of a diffusion U-Net: self-attention, attention to the text, feed-forward,
// the projections in and out, and the norms of these.
//
// This is what the author's code for medical images calls attention tuning of a U-Net (Raman1121/Diffusion_Memorization_HPO: names that
// contain "attentions"), though the paper that it follows (arXiv:2203.09795) trains the attentions alone: see the method attention. Here a
// segment of the name must be "attentions". Learning rate: that of full fine-tuning, of a third of which it consists; the author's runs use 1e-4.
//
// Count: SD-1.5's U-Net 267,239,360.
type AttentionBlocks struct{}

func init() {
	register(Method{
		Name: "attention_blocks", Title: "Tuning of spatial transformers", Formula: "x + transformer(x), all of the transformer trains", Paper: "arXiv:2305.08252",
		Step0: Equal, Merge: Exact, Statistics: layer.FrozenStatistics, PEFTType: "ATTENTION_BLOCKS",
		Rates: Rates{model.Diffusion: 1e-3},
		New:   func() Config { return &AttentionBlocks{} },
	})
}

// Apply implements Config.
func (*AttentionBlocks) Apply(s layer.Sites) ([]layer.Edit, error) {
	return train(s, inSpatialTransformer), nil
}

func inSpatialTransformer(p layer.Param) bool {
	return slices.Contains(strings.Split(p.Name, "."), "attentions")
}
