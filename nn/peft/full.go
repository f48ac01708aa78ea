package peft

import (
	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/model"
)

// Full trains every parameter, and batch norms update their running statistics: the baseline that the other methods are compared
// with.
//
// Counts: ViT-B/16 85,798,656 and ResNet-50 23,508,032 without the head.
type Full struct{}

func init() {
	register(Method{
		Name: "full", Title: "Full fine-tuning", Formula: "every parameter trains",
		Step0: Equal, Merge: Exact, Statistics: layer.UpdateStatistics, PEFTType: "FULL",
		Rates: Rates{model.CNN: 1e-3, model.Transformer: 1e-3, model.Diffusion: 1e-3},
		New:   func() Config { return &Full{} },
	})
}

// Apply implements Config.
func (*Full) Apply(s layer.Sites) ([]layer.Edit, error) {
	return train(s, func(layer.Param) bool { return true }), nil
}

// train returns a Train edit for each parameter that keep wants.
func train(s layer.Sites, keep func(layer.Param) bool) []layer.Edit {
	var edits []layer.Edit
	for _, p := range s.Params {
		if !p.Buffer && keep(p) {
			edits = append(edits, layer.Train{Param: p.Name})
		}
	}
	return edits
}
