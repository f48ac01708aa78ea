package optest

import (
	"gorgonia.org/gorgonia"

	"github.com/pipe-ml/pipe/nn/op"
)

func init() {
	sum := func(_ int, in []*gorgonia.Node) (*gorgonia.Node, error) { return op.Add(in[0], in[1]) }
	add(
		Row{Op: "add", Note: "of one shape", Tol: Exact, Build: sum,
			In: func(s int) []Input { return []Input{Normal(s, s+2), Normal(s, s+2)} }},
		Row{Op: "add", Note: "of a row", Tol: Reduced, Build: sum,
			In: func(s int) []Input { return []Input{Normal(3, s, 5), Normal(1, 1, 5)} }},
		Row{Op: "add", Note: "of a column", Tol: Reduced, Build: sum,
			In: func(s int) []Input { return []Input{Normal(2, 3, s), Normal(2, 1, 1)} }},
	)
}
