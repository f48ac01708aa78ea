package peft

import (
	"slices"

	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/model"
)

// IA3 multiplies the keys, the values and the hidden units of the MLP by learned vectors: (IA)3.
//
// Keys and values are scaled behind their projections, the hidden units behind the activation, where the MLP's last linear map reads them (behind
// the gate in a U-Net's GEGLU). All vectors start at 1: step 0 equals the frozen model. They merge into rows and columns of the weights,
// and of keys and values into the biases.
//
// Paper: Liu et al. 2022, arXiv:2205.05638; reference code r-three/t-few and the PEFT library, whose file layout this has (see
// ia3_layout.go). Learning rate: the paper's is 3e-3 (Adafactor, 1,000 steps); here a vector's as of bitfit.
//
// Counts: ViT-B/16 55,296.
type IA3 struct{}

// ia3Vector is the name of the vectors in files of the PEFT library.
const ia3Vector = "ia3_l"

func init() {
	register(Method{
		Name: "ia3", Title: "(IA)3", Formula: "softmax(q (l_k k)^T) (l_v v) and W2 (l_ff f(W1 x))", Paper: "arXiv:2205.05638",
		Step0: Equal, Merge: Exact, Statistics: layer.FrozenStatistics, PEFTType: "IA3",
		Rates: Rates{model.Transformer: 1e-2, model.Diffusion: 5e-3},
		New:   func() Config { return &IA3{} },
	})
}

// Apply implements Config.
func (c *IA3) Apply(s layer.Sites) ([]layer.Edit, error) {
	scaled, inputs := c.places(s)
	var edits []layer.Edit
	for _, t := range scaled {
		edits = append(edits, layer.Scale{Site: t.site.Path, Slice: t.slice, Scale: ia3Vector, ScaleInit: layer.Ones})
	}
	for _, x := range inputs {
		edits = append(edits, layer.Scale{Site: x.Path, Input: true, Scale: ia3Vector, ScaleInit: layer.Ones})
	}
	return edits, nil
}

// places are the projections to keys and values, whose outputs are scaled, and the last maps of feed-forwards, whose inputs are.
func (c *IA3) places(s layer.Sites) (scaled []target, inputs []layer.Site) {
	attentions, feedForwards := parts(s)
	for _, p := range attentions {
		for _, x := range p.maps {
			for _, t := range targets(x) {
				if slices.Contains([]string{"k", "v", "to_k", "to_v", "k_proj", "v_proj"}, t.name()) {
					scaled = append(scaled, t)
				}
			}
		}
	}
	for _, p := range feedForwards {
		inputs = append(inputs, p.maps[len(p.maps)-1])
	}
	return scaled, inputs
}
