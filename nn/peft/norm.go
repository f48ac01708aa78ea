package peft

import (
	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/model"
)

// Norm trains gain and bias of every normalisation of the body.
//
// For transformers and U-Nets this is the rule of the reference code for medical images (Raman1121/Layer-Masking: names that
// contain "norm"), the final norm included; for CNNs batch norm tuning (Frankle et al. 2021, arXiv:2003.00152). Here normalisations
// are found by what they are: "bn1" contains no "norm", so that the rule by name trains next to nothing of a ResNet. Batch norms keep
// their running statistics; only the affine map trains.
//
// Counts: ViT-B/16 38,400; ResNet-50 53,120.
type Norm struct{}

func init() {
	register(Method{
		Name: "norm", Title: "Norm tuning", Formula: "y = gain * norm(x) + bias, gain and bias train", Paper: "arXiv:2003.00152",
		Step0: Equal, Merge: Exact, Statistics: layer.FrozenStatistics, PEFTType: "NORM",
		Rates: Rates{model.CNN: 1e-2, model.Transformer: 1e-2, model.Diffusion: 5e-3},
		New:   func() Config { return &Norm{} },
	})
}

// Apply implements Config.
func (*Norm) Apply(s layer.Sites) ([]layer.Edit, error) {
	return train(s, affine(s, layer.Kind.IsNorm)), nil
}

// affine tells which parameters are gains and biases of the normalisations of some kinds.
func affine(s layer.Sites, kind func(layer.Kind) bool) func(layer.Param) bool {
	names := map[string]bool{}
	for _, site := range ofKind(s, func(x layer.Site) bool { return kind(x.Kind) }) {
		names[site.Path+".weight"], names[site.Path+".bias"] = true, true
	}
	return func(p layer.Param) bool { return names[p.Name] }
}
