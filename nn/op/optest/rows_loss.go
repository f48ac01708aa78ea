package optest

import (
	"gorgonia.org/gorgonia"

	"github.com/pipe-ml/pipe/nn/op"
)

func init() {
	entropy := func(smoothing float32) func(int, []*gorgonia.Node) (*gorgonia.Node, error) {
		return func(_ int, in []*gorgonia.Node) (*gorgonia.Node, error) {
			return op.CrossEntropy(in[0], in[1], smoothing)
		}
	}
	soft := func(_ int, in []*gorgonia.Node) (*gorgonia.Node, error) { return op.SoftCrossEntropy(in[0], in[1]) }
	bce := func(_ int, in []*gorgonia.Node) (*gorgonia.Node, error) { return op.BCEWithLogits(in[0], in[1], in[2]) }
	add(
		Row{Op: "cross_entropy", Note: "over rows", Tol: Reduced, Build: entropy(0),
			In: func(s int) []Input { return []Input{Normal(s, 5), Ints(0, 5, s)} }},
		Row{Op: "cross_entropy", Note: "over classes, smoothed", Tol: Reduced, Build: entropy(0.1),
			In: func(s int) []Input { return []Input{Normal(4, s), Ints(0, s, 4)} }},
		Row{Op: "cross_entropy", Note: "with ignored rows", Tol: Reduced, Build: entropy(0.1),
			In: func(s int) []Input { return []Input{Normal(s+4, 3), Ints(-2, 3, s+4)} }},
		Row{Op: "soft_cross_entropy", Note: "over rows", Tol: Reduced, Build: soft,
			In: func(s int) []Input { return []Input{Normal(s, 5), Uniform(0, 1, s, 5)} }},
		Row{Op: "soft_cross_entropy", Note: "over classes", Tol: Reduced, Build: soft,
			In: func(s int) []Input { return []Input{Normal(4, s), Uniform(0, 1, 4, s)} }},
		Row{Op: "bce_with_logits", Note: "over rows", Tol: Reduced, Build: bce,
			In: func(s int) []Input { return []Input{Normal(s, 5), Uniform(0, 1, s, 5), Uniform(0.5, 3, 5)} }},
		Row{Op: "bce_with_logits", Note: "with unknown targets", Tol: Reduced, Build: bce,
			In: func(s int) []Input { return []Input{Normal(3, s), Uniform(-0.5, 1, 3, s), Uniform(0.5, 3, s)} }},
		Row{Op: "mse_loss", Tol: Reduced,
			In:    func(s int) []Input { return []Input{Normal(s, 3, 5), Normal(s, 3, 5)} },
			Build: func(_ int, in []*gorgonia.Node) (*gorgonia.Node, error) { return op.MSELoss(in[0], in[1]) }},
		Row{Op: "embedding", Note: "wide", Tol: Reduced,
			In:    func(s int) []Input { return []Input{Ints(0, 3, 2, 5), Normal(3, s)} },
			Build: func(_ int, in []*gorgonia.Node) (*gorgonia.Node, error) { return op.Embedding(in[0], in[1]) }},
		Row{Op: "embedding", Tol: Reduced,
			In:    func(s int) []Input { return []Input{Ints(0, 4, 2, s), Normal(4, 6)} },
			Build: func(_ int, in []*gorgonia.Node) (*gorgonia.Node, error) { return op.Embedding(in[0], in[1]) }},
		Row{Op: "dropout.train", Mode: op.Train, Tol: Elementary,
			In: func(s int) []Input { return []Input{Normal(s, 7), Ints(0, 1000, 1)} },
			Build: func(_ int, in []*gorgonia.Node) (*gorgonia.Node, error) {
				return op.Dropout(in[0], in[1], 0.3, 0x9E3779B97F4A7C15)
			}},
	)
}
