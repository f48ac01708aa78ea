package peft

import (
	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/model"
)

// Linear is linear probing: only the head trains, on the features of the frozen body. A network without a head, such as a
// diffusion U-Net, is refused. Batch norms keep their statistics: published scripts that leave them in training mode let the "frozen"
// features drift.
//
// Counts: 0 without the head.
type Linear struct{}

func init() {
	register(Method{
		Name: "linear", Title: "Linear probing", Formula: "only the head trains",
		Step0: Equal, Merge: Exact, Statistics: layer.FrozenStatistics, HeadOnly: true, PEFTType: "LINEAR",
		Rates: Rates{model.CNN: 2e-2, model.Transformer: 2e-2},
		New:   func() Config { return &Linear{} },
	})
}

// Apply implements Config.
func (*Linear) Apply(layer.Sites) ([]layer.Edit, error) { return nil, nil }
