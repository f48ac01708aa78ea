package peft

import (
	"fmt"

	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/model"
)

// NormBias trains every bias, and the gains of the normalisations: bitfit and norm together.
//
// From the author's code for medical images (Raman1121/Diffusion_Memorization_HPO, norm_bias). A network whose only biases are those of
// its norms, such as a ResNet, is refused: norm is the same there. Learning rates: the smaller of the two methods'.
//
// Counts: SD-1.5's U-Net 443,844; ViT-B/16 122,112.
type NormBias struct{}

func init() {
	register(Method{
		Name: "norm_bias", Title: "Norm and bias tuning", Formula: "y = gain * norm(x) + bias and y = W x + b, gain, bias and b train", Paper: "arXiv:2305.08252",
		Step0: Equal, Merge: Exact, Statistics: layer.FrozenStatistics, PEFTType: "NORM_BIAS",
		Rates: Rates{model.Transformer: 1e-2, model.Diffusion: 5e-3},
		New:   func() Config { return &NormBias{} },
	})
}

// Apply implements Config.
func (*NormBias) Apply(s layer.Sites) ([]layer.Edit, error) {
	norm := affine(s, layer.Kind.IsNorm)
	edits := train(s, func(p layer.Param) bool { return norm(p) || isBias(p) })
	if len(edits) > 0 && len(edits) == len(train(s, norm)) {
		return nil, fmt.Errorf("%w beyond what norm trains", ErrNothingToTrain)
	}
	return edits, nil
}
