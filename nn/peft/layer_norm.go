package peft

import (
	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/model"
)

// LayerNorm trains gain and bias of every layer norm, the final one included.
//
// Paper: Basu et al. 2023, arXiv:2304.03589 (tuning the norms of a vision transformer); the reference code for medical images
// (Raman1121/Layer-Masking) trains names that contain "norm" and the head. Deviations: layer norms are found by what they are, so that in a
// U-Net the group norms stay frozen; norm trains both. Learning rates: norm's.
//
// Counts: ViT-B/16 38,400; SD-1.5's U-Net 74,880.
type LayerNorm struct{}

func init() {
	register(Method{
		Name: "layer_norm", Title: "LayerNorm tuning", Formula: "y = gain * norm(x) + bias of layer norms, gain and bias train", Paper: "arXiv:2304.03589",
		Step0: Equal, Merge: Exact, Statistics: layer.FrozenStatistics, PEFTType: "LAYER_NORM",
		Rates: Rates{model.Transformer: 1e-2, model.Diffusion: 5e-3},
		New:   func() Config { return &LayerNorm{} },
	})
}

// Apply implements Config.
func (*LayerNorm) Apply(s layer.Sites) ([]layer.Edit, error) {
	return train(s, affine(s, func(k layer.Kind) bool { return k == layer.KindLayerNorm })), nil
}
