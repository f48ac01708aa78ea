package optest

import (
	"gorgonia.org/gorgonia"

	"github.com/pipe-ml/pipe/nn/op"
)

func init() {
	sum := func(_ int, in []*gorgonia.Node) (*gorgonia.Node, error) { return op.Add(in[0], in[1]) }
	product := func(_ int, in []*gorgonia.Node) (*gorgonia.Node, error) { return op.Mul(in[0], in[1]) }
	for _, r := range []Row{{Op: "add", Build: sum}, {Op: "mul", Build: product}} {
		for _, shapes := range []struct {
			note string
			tol  Tol
			in   func(s int) []Input
		}{
			{"of one shape", Exact, func(s int) []Input { return []Input{Normal(s, s+2), Normal(s, s+2)} }},
			{"of a row", Reduced, func(s int) []Input { return []Input{Normal(3, s, 5), Normal(1, 1, 5)} }},
			{"of a column", Reduced, func(s int) []Input { return []Input{Normal(2, 3, s), Normal(2, 1, 1)} }},
			{"of a channel", Reduced, func(s int) []Input { return []Input{Normal(2, s, 3, 5), Normal(1, s, 1, 1)} }},
			{"of a sample", Reduced, func(s int) []Input { return []Input{Normal(s, 4, 3, 2), Normal(s, 4, 1, 1)} }},
			{"of a batch", Reduced, func(s int) []Input { return []Input{Normal(3, s, 7), Normal(1, s, 7)} }},
			{"of gaps", Reduced, func(s int) []Input { return []Input{Normal(s, 3, 2, 5), Normal(1, 3, 1, 5)} }},
		} {
			r.Note, r.Tol, r.In = shapes.note, shapes.tol, shapes.in
			add(r)
		}
	}
	add(
		// The backward of expand is all that launches reduce_to alone.
		Row{Op: "expand", Note: "to rows", Tol: Reduced,
			In:    func(int) []Input { return []Input{Normal(1, 3, 5)} },
			Build: func(s int, in []*gorgonia.Node) (*gorgonia.Node, error) { return op.Expand(in[0], s, 3, 5) }},
		Row{Op: "expand", Note: "at both ends", Tol: Reduced,
			In:    func(int) []Input { return []Input{Normal(1, 4, 1)} },
			Build: func(s int, in []*gorgonia.Node) (*gorgonia.Node, error) { return op.Expand(in[0], 5, 4, s) }},
		Row{Op: "expand", Note: "to a matrix of rows", Tol: Reduced,
			In:    func(s int) []Input { return []Input{Normal(1, 1, s)} },
			Build: func(s int, in []*gorgonia.Node) (*gorgonia.Node, error) { return op.Expand(in[0], 4, 3, s) }},
		Row{Op: "scale", Tol: Exact,
			In:    func(s int) []Input { return []Input{Normal(s, 7)} },
			Build: func(_ int, in []*gorgonia.Node) (*gorgonia.Node, error) { return op.Scale(in[0], -0.3) }},
	)
}
