package optest

import (
	"gorgonia.org/gorgonia"

	"github.com/pipe-ml/pipe/nn/op"
)

func init() {
	add(
		Row{Op: "reshape", Tol: Exact,
			In:    func(s int) []Input { return []Input{Normal(s, 2, 3)} },
			Build: func(s int, in []*gorgonia.Node) (*gorgonia.Node, error) { return op.Reshape(in[0], 3, -1) }},
		Row{Op: "permute", Note: "heads", Tol: Exact,
			In:    func(s int) []Input { return []Input{Normal(2, s, 3, 5)} },
			Build: func(_ int, in []*gorgonia.Node) (*gorgonia.Node, error) { return op.Permute(in[0], 0, 2, 1, 3) }},
		Row{Op: "permute", Note: "channels to tokens", Tol: Exact,
			In:    func(s int) []Input { return []Input{Normal(2, s, 7)} },
			Build: func(_ int, in []*gorgonia.Node) (*gorgonia.Node, error) { return op.Permute(in[0], 0, 2, 1) }},
		Row{Op: "permute", Note: "all", Tol: Exact,
			In:    func(s int) []Input { return []Input{Normal(3, s, 2, 5)} },
			Build: func(_ int, in []*gorgonia.Node) (*gorgonia.Node, error) { return op.Permute(in[0], 2, 0, 3, 1) }},
		Row{Op: "concat", Note: "tokens", Tol: Exact,
			In: func(s int) []Input { return []Input{Normal(2, 1, 5), Normal(2, s, 5), Normal(2, 3, 5)} },
			Build: func(_ int, in []*gorgonia.Node) (*gorgonia.Node, error) {
				return op.Concat(1, in...)
			}},
		Row{Op: "concat", Note: "last", Tol: Exact,
			In:    func(s int) []Input { return []Input{Normal(3, s), Normal(3, 2)} },
			Build: func(_ int, in []*gorgonia.Node) (*gorgonia.Node, error) { return op.Concat(1, in...) }},
		Row{Op: "slice", Note: "middle", Tol: Exact,
			In:    func(s int) []Input { return []Input{Normal(2, s+2, 5)} },
			Build: func(s int, in []*gorgonia.Node) (*gorgonia.Node, error) { return op.Slice(in[0], 1, 1, s) }},
		Row{Op: "slice", Note: "last", Tol: Exact,
			In:    func(s int) []Input { return []Input{Normal(4, 3*s)} },
			Build: func(s int, in []*gorgonia.Node) (*gorgonia.Node, error) { return op.Slice(in[0], 1, 2*s, s) }},
	)
}
