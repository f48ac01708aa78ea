package peft

import (
	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/model"
)

// NormBiasAttention trains norms, biases and attentions: norm_bias with attention_blocks in a U-Net, as the author's code does
// (Raman1121/Diffusion_Memorization_HPO), and with the projections of the attentions in other transformers, for which that code has no rule that works: it
// looks for "attentions" in a text encoder, which has no such name. Networks without attention are refused. Learning rates: attention tuning's,
// as in the author's runs (1e-4 for SD).
//
// Counts: SD-1.5's U-Net 267,421,124; ViT-B/16 28,433,664.
type NormBiasAttention struct{}

func init() {
	register(Method{
		Name: "norm_bias_attention", Title: "Norm, bias and attention tuning", Formula: "norms, biases and attentions train", Paper: "arXiv:2305.08252",
		Step0: Equal, Merge: Exact, Statistics: layer.FrozenStatistics, PEFTType: "NORM_BIAS_ATTENTION",
		Rates: Rates{model.Transformer: 1e-3, model.Diffusion: 1e-3},
		New:   func() Config { return &NormBiasAttention{} },
	})
}

// Apply implements Config.
func (*NormBiasAttention) Apply(s layer.Sites) ([]layer.Edit, error) {
	norm, attention := affine(s, layer.Kind.IsNorm), inSpatialTransformer
	if len(train(s, attention)) == 0 {
		attention = inAttention(s)
	}
	if len(train(s, attention)) == 0 {
		return nil, nil
	}
	return train(s, func(p layer.Param) bool { return norm(p) || isBias(p) || attention(p) }), nil
}
