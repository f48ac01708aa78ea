package peft

import (
	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/model"
)

// GroupNorm trains gain and bias of every group norm of a diffusion U-Net. Its layer norms, which the author's rule for U-Nets by the name "norm"
// trains too, stay frozen; norm trains both. Learning rate: norm's.
//
// Count: SD-1.5's U-Net 125,440.
type GroupNorm struct{}

func init() {
	register(Method{
		Name: "group_norm", Title: "GroupNorm tuning", Formula: "y = gain * norm(x) + bias of group norms, gain and bias train",
		Step0: Equal, Merge: Exact, Statistics: layer.FrozenStatistics, PEFTType: "GROUP_NORM",
		Rates: Rates{model.Diffusion: 5e-3},
		New:   func() Config { return &GroupNorm{} },
	})
}

// Apply implements Config.
func (*GroupNorm) Apply(s layer.Sites) ([]layer.Edit, error) {
	return train(s, affine(s, func(k layer.Kind) bool { return k == layer.KindGroupNorm })), nil
}
