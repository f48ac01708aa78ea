package peft

import (
	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/model"
)

// SSF scales and shifts features: y' = gamma * y + beta by channel, after each operation.
//
// In transformers it follows the patch embedding, both norms of a block, qkv, proj, fc1, fc2 and the final norm; in a network
// with batch norms it follows each of these. gamma ~ N(1, 0.02), beta ~ N(0, 0.02), so that step 0 is close to the frozen
// model and not equal to it. It merges into weight and bias of the operation.
//
// Paper: Lian et al. 2022, arXiv:2210.08823; reference code dongzelian/SSF. Deviations: operations without a bias (the projections to
// q, k, v of a diffusion U-Net, convolutions before a batch norm) are left alone, since beta could not be merged into them; of a norm the map is
// computed on gain and bias, the same function. Behind a batch norm with frozen statistics SSF spans the same functions as norm tuning and
// differs by its initial noise and by weight decay. The published merge code was missing (SSF issue 19).
//
// Counts: ViT-B/16 205,824; ResNet-50 53,120.
type SSF struct{}

// ssfNoise is the standard deviation of gamma and beta before the first step.
const ssfNoise = .02

func init() {
	register(Method{
		Name: "ssf", Title: "Scaling and shifting features", Formula: "y' = gamma * y + beta", Paper: "arXiv:2210.08823",
		Step0: Close, Noise: ssfNoise, Merge: Exact, Statistics: layer.FrozenStatistics, PEFTType: "SSF",
		Rates: Rates{model.CNN: 1e-2, model.Transformer: 1e-2, model.Diffusion: 5e-3},
		New:   func() Config { return &SSF{} },
	})
}

// Apply implements Config.
func (*SSF) Apply(s layer.Sites) ([]layer.Edit, error) {
	sites := ofKind(s, func(x layer.Site) bool {
		return x.Kind == layer.KindBatchNorm || x.Bias && (x.Kind == layer.KindLinear || x.Kind == layer.KindConv || x.Kind.IsNorm())
	})
	var edits []layer.Edit
	for _, x := range sites {
		edits = append(edits, layer.Scale{
			Site: x.Path, Scale: "ssf_scale", Shift: "ssf_shift",
			ScaleInit: layer.Normal(1, ssfNoise), ShiftInit: layer.Normal(0, ssfNoise),
		})
	}
	return edits, nil
}
