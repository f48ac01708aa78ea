package optest

import (
	"gorgonia.org/gorgonia"

	"github.com/pipe-ml/pipe/nn/op"
)

func init() {
	attend := func(heads int, causal bool) func(int, []*gorgonia.Node) (*gorgonia.Node, error) {
		return func(_ int, in []*gorgonia.Node) (*gorgonia.Node, error) {
			return op.Attention(in[0], in[1], in[2], heads, causal)
		}
	}
	add(
		Row{Op: "attention", Note: "to itself", Tol: Reduced, Build: attend(2, false), Sizes: []int{1, 3, 16, 17, 65}, Large: 65,
			In: func(s int) []Input { return []Input{Normal(2, s, 12), Normal(2, s, 12), Normal(2, s, 12)} }},
		Row{Op: "attention", Note: "across", Tol: Reduced, Build: attend(3, false), Sizes: []int{1, 5, 16, 33}, Large: 65,
			In: func(s int) []Input { return []Input{Normal(2, s, 24), Normal(2, 7, 24), Normal(2, 7, 24)} }},
		Row{Op: "attention", Note: "over head widths", Tol: Reduced, Build: attend(2, false), Sizes: []int{1, 3, 16, 32, 33},
			In: func(s int) []Input { return []Input{Normal(1, 5, 2*s), Normal(1, 6, 2*s), Normal(1, 6, 2*s)} }, Large: 64},
		Row{Op: "attention", Note: "over wide heads", Tol: Reduced, Build: attend(2, false), Sizes: []int{65, 130}, Large: 160,
			In: func(s int) []Input { return []Input{Normal(1, 5, 2*s), Normal(1, 6, 2*s), Normal(1, 6, 2*s)} }},
		Row{Op: "attention", Note: "causal", Tol: Reduced, Build: attend(2, true), Sizes: []int{1, 2, 9, 17, 33}, Large: 65,
			In: func(s int) []Input { return []Input{Normal(2, s, 8), Normal(2, s, 8), Normal(2, s, 8)} }},
	)
}
