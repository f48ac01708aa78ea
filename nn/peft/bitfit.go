package peft

import (
	"strings"

	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/model"
)

// BitFit trains every bias of the body: y = W x + b with b trained, those of normalisations included.
//
// Paper: Ben Zaken et al. 2022, arXiv:2106.10199; reference code benzakenelad/BitFit, which trains the parameters with "bias" in their name.
// The rule here is the same, on the last segment of the name.
//
// A CNN whose convolutions have no bias trains the shifts of its batch norms only. Batch norms keep their running statistics, which
// the paper, being about transformers, does not discuss.
//
// Counts: ViT-B/16 102,912; ResNet-50 26,560, all of them shifts of batch norms.
type BitFit struct{}

func init() {
	register(Method{
		Name: "bitfit", Title: "Bias tuning", Formula: "y = W x + b, b trains", Paper: "arXiv:2106.10199",
		Step0: Equal, Merge: Exact, Statistics: layer.FrozenStatistics, PEFTType: "BITFIT",
		Rates: Rates{model.CNN: 1e-2, model.Transformer: 1e-2, model.Diffusion: 5e-3},
		New:   func() Config { return &BitFit{} },
	})
}

// Apply implements Config.
func (*BitFit) Apply(s layer.Sites) ([]layer.Edit, error) {
	return train(s, isBias), nil
}

func isBias(p layer.Param) bool {
	return strings.Contains(p.Name[strings.LastIndex(p.Name, ".")+1:], "bias")
}
