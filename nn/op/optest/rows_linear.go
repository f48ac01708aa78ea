package optest

import (
	"gorgonia.org/gorgonia"

	"github.com/pipe-ml/pipe/nn/op"
)

func init() {
	bias := func(_ int, in []*gorgonia.Node) (*gorgonia.Node, error) { return op.Linear(in[0], in[1], in[2]) }
	plain := func(_ int, in []*gorgonia.Node) (*gorgonia.Node, error) { return op.Linear(in[0], in[1], nil) }
	add(
		Row{Op: "linear", Note: "over rows", Tol: Reduced, Build: bias,
			In: func(s int) []Input { return []Input{Normal(s, 5), Normal(7, 5), Normal(7)} }},
		Row{Op: "linear", Note: "over inputs, without bias", Tol: Reduced, Build: plain,
			In: func(s int) []Input { return []Input{Normal(2, 3, s), Normal(9, s)} }},
		Row{Op: "linear", Note: "over outputs", Tol: Reduced, Build: bias,
			In: func(s int) []Input { return []Input{Normal(4, 6), Normal(s, 6), Normal(s)} }},
		Row{Op: "linear", Note: "over all", Tol: Reduced, Build: bias, Sizes: []int{8, 31, 32, 33, 64},
			In: func(s int) []Input { return []Input{Normal(s+1, s), Normal(s-1, s), Normal(s - 1)} }},
	)
}
