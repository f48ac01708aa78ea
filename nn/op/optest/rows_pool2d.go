package optest

import (
	"gorgonia.org/gorgonia"

	"github.com/pipe-ml/pipe/accel/kernel"
	"github.com/pipe-ml/pipe/nn/op"
)

func init() {
	for _, a := range []kernel.Pool2d{{Kernel: 2, Stride: 2}, {Kernel: 3, Stride: 2, Pad: 1}, {Kernel: 3, Stride: 1, Pad: 1}} {
		note := map[bool]string{true: "padded", false: "tiled"}[a.Pad > 0] + map[int]string{1: ", overlapping"}[a.Stride]
		add(
			Row{Op: "max_pool2d", Note: note, Tol: Exact, Sizes: []int{2, 3, 7, 8, 17}, Large: 33,
				In:    func(s int) []Input { return []Input{Distinct(2, 3, s, s+1)} },
				Build: func(_ int, in []*gorgonia.Node) (*gorgonia.Node, error) { return op.MaxPool2d(in[0], a) }},
			Row{Op: "avg_pool2d", Note: note, Tol: Reduced, Sizes: []int{2, 3, 7, 8, 17}, Large: 33,
				In:    func(s int) []Input { return []Input{Normal(2, 3, s, s+1)} },
				Build: func(_ int, in []*gorgonia.Node) (*gorgonia.Node, error) { return op.AvgPool2d(in[0], a) }},
		)
	}
	for _, a := range []kernel.Pool2d{{Kernel: 3, Stride: 1, Pad: 1, ExcludePad: true}, {Kernel: 4, Stride: 3, Pad: 2, ExcludePad: true}} {
		note := "padded, elements inside" + map[bool]string{true: ", sparse"}[a.Stride == 3]
		add(Row{Op: "avg_pool2d", Note: note, Tol: Reduced, Sizes: []int{2, 3, 7, 8, 17}, Large: 33,
			In:    func(s int) []Input { return []Input{Normal(2, 3, s, s+1)} },
			Build: func(_ int, in []*gorgonia.Node) (*gorgonia.Node, error) { return op.AvgPool2d(in[0], a) }})
	}
	add(
		Row{Op: "global_avg_pool2d", Tol: Reduced,
			In:    func(s int) []Input { return []Input{Normal(2, 5, s, 3)} },
			Build: func(_ int, in []*gorgonia.Node) (*gorgonia.Node, error) { return op.GlobalAvgPool2d(in[0]) }},
		Row{Op: "upsample_bilinear2d", Note: "odd", Tol: Reduced, Large: 65,
			In:    func(s int) []Input { return []Input{Normal(2, 3, 4, s)} },
			Build: func(s int, in []*gorgonia.Node) (*gorgonia.Node, error) { return op.UpsampleBilinear2d(in[0], 7, 2*s) }},
		Row{Op: "upsample_bilinear2d", Note: "of a pixel, and down", Tol: Reduced, Large: 65,
			In:    func(s int) []Input { return []Input{Normal(1, 2, 1, 2*s+1)} },
			Build: func(s int, in []*gorgonia.Node) (*gorgonia.Node, error) { return op.UpsampleBilinear2d(in[0], 3, s) }},
		Row{Op: "upsample_nearest2d", Tol: Reduced, Large: 65,
			In:    func(s int) []Input { return []Input{Normal(2, 3, 4, s)} },
			Build: func(_ int, in []*gorgonia.Node) (*gorgonia.Node, error) { return op.UpsampleNearest2d(in[0], 2) }},
		Row{Op: "upsample_nearest2d", Note: "by 3", Tol: Reduced, Large: 65,
			In:    func(s int) []Input { return []Input{Normal(1, 2, 3, s)} },
			Build: func(_ int, in []*gorgonia.Node) (*gorgonia.Node, error) { return op.UpsampleNearest2d(in[0], 3) }},
	)
}
