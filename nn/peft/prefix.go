package peft

import (
	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/model"
)

// Prefix puts learned keys and values in front of those of every attention: softmax(q [P_k, k]^T / sqrt(d)) [P_v, v].
//
// Paper: Li and Liang 2021, arXiv:2101.00190. Every query sees the prefix, in causal attention too. Deviation: the paper makes the prefix by an MLP that
// is thrown away after training; here, as in the vision literature, it is learned directly, from N(0, 0.02^2) (the PEFT library's prefixes
// without projection start from N(0, 1)). New keys take part of the attention: the output changes at step 0, and no weights express them.
//
// Learning rate: VPT's; Li and Liang use 5e-5 with the MLP.
//
// Count: ViT-B/16 12 * 2 * tokens * 768, 184,320 for 10.
type Prefix struct {
	Tokens int `pipe:"tokens" default:"10" min:"1" doc:"learned keys and values of each attention"`
}

func init() {
	register(Method{
		Name: "prefix", Title: "Prefix tuning", Formula: "softmax(q [P_k, k]^T / sqrt(d)) [P_v, v]", Paper: "arXiv:2101.00190",
		Step0: Differs, Merge: None, Statistics: layer.FrozenStatistics, PEFTType: "PREFIX",
		Rates: Rates{model.Transformer: 1e-2, model.Diffusion: 3e-3},
		New:   func() Config { return &Prefix{} },
	})
}

// Apply implements Config.
func (c *Prefix) Apply(s layer.Sites) ([]layer.Edit, error) {
	var edits []layer.Edit
	for _, x := range ofKind(s, func(x layer.Site) bool { return x.Kind == layer.KindAttention }) {
		edits = append(edits, layer.Prefix{Site: x.Path, N: c.Tokens, Key: "prefix_key", Value: "prefix_value", Init: layer.Normal(0, .02)})
	}
	return edits, nil
}
