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
	)
}
