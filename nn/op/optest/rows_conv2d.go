package optest

import (
	"gorgonia.org/gorgonia"

	"github.com/pipe-ml/pipe/accel/kernel"
	"github.com/pipe-ml/pipe/nn/op"
)

func init() {
	pad := func(n int, a kernel.Conv2d) kernel.Conv2d {
		a.PadTop, a.PadLeft, a.PadBottom, a.PadRight = n, n, n, n
		return a
	}
	for _, c := range []struct {
		note  string
		a     kernel.Conv2d
		sizes []int
		large int
		in    func(s int) []Input
	}{
		{"3x3", pad(1, kernel.Conv2d{}), []int{1, 2, 5, 8, 17}, 33,
			func(s int) []Input { return []Input{Normal(2, 3, s, s+1), Normal(5, 3, 3, 3), Normal(5)} }},
		{"3x3 over channels", pad(1, kernel.Conv2d{}), []int{1, 7, 8, 9, 17, 33}, 65,
			func(s int) []Input { return []Input{Normal(1, s, 6, 5), Normal(s+1, s, 3, 3), Normal(s + 1)} }},
		{"3x3 with stride 2", pad(1, kernel.Conv2d{StrideH: 2, StrideW: 2}), []int{2, 5, 8, 17}, 33,
			func(s int) []Input { return []Input{Normal(2, 4, s, s+3), Normal(6, 4, 3, 3)} }},
		{"padded below and right", kernel.Conv2d{StrideH: 2, StrideW: 2, PadBottom: 1, PadRight: 1}, []int{4, 8, 16}, 32,
			func(s int) []Input { return []Input{Normal(2, 3, s, s), Normal(8, 3, 3, 3)} }},
		{"1x1", kernel.Conv2d{}, []int{1, 3, 16, 33}, 65,
			func(s int) []Input { return []Input{Normal(2, s, 5, 3), Normal(7, s, 1, 1), Normal(7)} }},
		{"1x1 with stride 2", kernel.Conv2d{StrideH: 2, StrideW: 2}, []int{1, 4, 9}, 17,
			func(s int) []Input { return []Input{Normal(2, 5, s, s), Normal(9, 5, 1, 1)} }},
		{"patches", kernel.Conv2d{StrideH: 4, StrideW: 4}, []int{4, 8, 16}, 32,
			func(s int) []Input { return []Input{Normal(2, 3, s, s), Normal(10, 3, 4, 4), Normal(10)} }},
		{"depthwise", pad(1, kernel.Conv2d{Groups: 6}), []int{1, 3, 8, 17}, 33,
			func(s int) []Input { return []Input{Normal(2, 6, s, s), Normal(6, 1, 3, 3), Normal(6)} }},
		{"depthwise with stride 2", kernel.Conv2d{StrideH: 2, StrideW: 2, PadBottom: 1, PadRight: 1, Groups: 5}, []int{4, 8, 16}, 32,
			func(s int) []Input { return []Input{Normal(2, 5, s, s), Normal(5, 1, 3, 3)} }},
		{"grouped", pad(2, kernel.Conv2d{Groups: 2}), []int{1, 5, 8}, 17,
			func(s int) []Input { return []Input{Normal(2, 6, s, s), Normal(4, 3, 5, 5), Normal(4)} }},
		{"in wide groups", pad(1, kernel.Conv2d{StrideH: 2, StrideW: 2, Groups: 2}), []int{2, 5}, 9,
			func(s int) []Input { return []Input{Normal(2, 16, s, s), Normal(18, 8, 3, 3), Normal(18)} }},
		// Nothing here is alike in height and width.
		{"uneven", kernel.Conv2d{StrideH: 2, StrideW: 1, PadTop: 2, PadLeft: 1, PadBottom: 0, PadRight: 3}, []int{1, 4, 9, 16}, 33,
			func(s int) []Input { return []Input{Normal(2, 3, s+1, s), Normal(4, 3, 3, 2), Normal(4)} }},
		{"uneven depthwise", kernel.Conv2d{StrideH: 1, StrideW: 2, PadTop: 0, PadLeft: 2, PadBottom: 1, PadRight: 1, Groups: 3}, []int{1, 4, 9, 16}, 33,
			func(s int) []Input { return []Input{Normal(2, 3, s+1, s), Normal(3, 1, 2, 3)} }},
		{"7x7 with stride 2", pad(3, kernel.Conv2d{StrideH: 2, StrideW: 2}), []int{5, 12}, 33,
			func(s int) []Input { return []Input{Normal(1, 3, s, s), Normal(4, 3, 7, 7)} }},
	} {
		add(Row{Op: "conv2d", Note: c.note, Tol: Reduced, Sizes: c.sizes, Large: c.large, In: c.in,
			Build: func(_ int, in []*gorgonia.Node) (*gorgonia.Node, error) {
				if len(in) == 2 {
					return op.Conv2d(in[0], in[1], nil, c.a)
				}
				return op.Conv2d(in[0], in[1], in[2], c.a)
			}})
	}
}
