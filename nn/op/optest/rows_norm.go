package optest

import (
	"gorgonia.org/gorgonia"

	"github.com/pipe-ml/pipe/nn/op"
)

func init() {
	gain := func(n int) Input { return Uniform(0.5, 1.5, n) }
	layerNorm := func(_ int, in []*gorgonia.Node) (*gorgonia.Node, error) {
		return op.LayerNorm(in[0], in[1], in[2], 1e-5)
	}
	add(
		Row{Op: "layer_norm", Note: "wide", Tol: Reduced, Build: layerNorm, Sizes: []int{2, 3, 15, 16, 17, 33, 96},
			In: func(s int) []Input { return []Input{Normal(5, s), gain(s), Normal(s)} }},
		Row{Op: "layer_norm", Note: "of tokens", Tol: Reduced, Build: layerNorm,
			In: func(s int) []Input { return []Input{Normal(2, s, 12), gain(12), Normal(12)} }},
		// A wrong eps shows only where the variance is small.
		Row{Op: "layer_norm", Note: "of nearly constant rows", Tol: Tol{1e-5, 1e-3}, Build: layerNorm, Sizes: []int{3, 16, 33},
			In: func(s int) []Input { return []Input{Uniform(-0.03, 0.03, 4, s), gain(s), Normal(s)} }},
	)
	groupNorm := func(groups int) func(int, []*gorgonia.Node) (*gorgonia.Node, error) {
		return func(_ int, in []*gorgonia.Node) (*gorgonia.Node, error) {
			return op.GroupNorm(in[0], in[1], in[2], groups, 1e-5)
		}
	}
	add(
		Row{Op: "group_norm", Note: "of images", Tol: Reduced, Build: groupNorm(2), Sizes: []int{2, 3, 5, 8},
			In: func(s int) []Input { return []Input{Normal(2, 6, s, s+1), gain(6), Normal(6)} }, Large: 33},
		Row{Op: "group_norm", Note: "of channels", Tol: Reduced, Build: groupNorm(3), Sizes: []int{1, 2, 5},
			In: func(s int) []Input { return []Input{Normal(3, 3*s, 4, 3), gain(3 * s), Normal(3 * s)} }},
	)
	add(Row{Op: "group_norm", Note: "of nearly constant groups", Tol: Tol{1e-5, 1e-3}, Build: groupNorm(2), Sizes: []int{2, 5, 8}, Large: 33,
		In: func(s int) []Input { return []Input{Uniform(-0.03, 0.03, 2, 6, s, s+1), gain(6), Normal(6)} }})
	overNorm := func(_ int, in []*gorgonia.Node) (*gorgonia.Node, error) { return op.OverNorm(in[0], in[1]) }
	add(
		Row{Op: "over_norm", Note: "of rows", Tol: Elementary, Build: overNorm, In: func(s int) []Input { return []Input{Normal(s), Normal(s, 7)} }},
		Row{Op: "over_norm", Note: "of kernels", Tol: Elementary, Build: overNorm, In: func(s int) []Input { return []Input{Normal(5), Normal(5, s, 3, 2)} }},
		Row{Op: "over_norm", Note: "of zeros", Tol: Elementary, Build: overNorm, In: func(s int) []Input { return []Input{Normal(s), Uniform(0, 0, s, 3)} }},
	)
	statistics := func(n int) []Input { return []Input{Normal(n), Uniform(0.3, 2, n)} }
	batchNorm := func(frozen bool) func(int, []*gorgonia.Node) (*gorgonia.Node, error) {
		return func(_ int, in []*gorgonia.Node) (*gorgonia.Node, error) {
			return op.BatchNorm(in[0], in[1], in[2], in[3], in[4], op.BatchNormConfig{Eps: 1e-3, Frozen: frozen})
		}
	}
	images := func(s int) []Input {
		return append([]Input{Normal(4, 3, s, s), gain(3), Normal(3)}, statistics(3)...)
	}
	channels := func(s int) []Input {
		return append([]Input{Normal(5, s, 2, 3), gain(s), Normal(s)}, statistics(s)...)
	}
	add(
		Row{Op: "batch_norm.train", Note: "of images", Mode: op.Train, Tol: Reduced, Build: batchNorm(false), Sizes: []int{1, 3, 5, 9}, In: images, Large: 33},
		Row{Op: "batch_norm.train", Note: "of channels", Mode: op.Train, Tol: Reduced, Build: batchNorm(false), In: channels},
		Row{Op: "batch_norm.eval", Note: "of images", Mode: op.Eval, Tol: Reduced, Build: batchNorm(false), Sizes: []int{1, 3, 5, 9}, In: images, Large: 33},
		Row{Op: "batch_norm.eval", Note: "frozen in training", Mode: op.Train, Tol: Reduced, Build: batchNorm(true), In: channels},
	)
}
