package optest

import (
	"gorgonia.org/gorgonia"

	"github.com/pipe-ml/pipe/nn/op"
)

func init() {
	for _, a := range []struct {
		name  string
		build func(*gorgonia.Node) (*gorgonia.Node, error)
		kinks []float64
	}{
		{"relu", op.ReLU, []float64{0}},
		{"relu6", op.ReLU6, []float64{0, 6}},
		{"silu", op.SiLU, nil},
		{"gelu", op.GELU, nil},
		{"gelu_tanh", op.GELUTanh, nil},
		{"quick_gelu", op.QuickGELU, nil},
	} {
		build := func(_ int, in []*gorgonia.Node) (*gorgonia.Node, error) { return a.build(in[0]) }
		add(
			Row{Op: a.name, Tol: Elementary, Build: build,
				In: func(s int) []Input { return []Input{Away(a.kinks, 3, s, s+1)} }},
			Row{Op: a.name, Note: "far from 0", Tol: Elementary, Build: build,
				In: func(s int) []Input { return []Input{Away(a.kinks, 40, 3, s)} }},
		)
	}
}
