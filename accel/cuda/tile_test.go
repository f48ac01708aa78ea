//go:build nvidia

package cuda

import (
	"slices"
	"testing"

	"github.com/pipe-ml/pipe/accel/kernel"
)

// Which squares are taken is by the number of multiprocessors; results must not tell.
func TestLargeAndSmallSquaresGiveTheSameBits(t *testing.T) {
	conv := kernel.Conv2d{StrideH: 2, StrideW: 1, PadTop: 1, PadLeft: 1, PadBottom: 1, PadRight: 1, Groups: 1}
	for _, c := range []struct {
		kernel string
		attrs  any
		out    []int
		in     [][]int
	}{
		{"linear", kernel.Linear{}, []int{131, 70}, [][]int{{131, 37}, {70, 37}, {70}}},
		{"linear.dx", kernel.Linear{}, []int{131, 140}, [][]int{{131, 19}, {19, 140}}},
		{"linear.dw", kernel.Linear{}, []int{70, 129}, [][]int{{19, 129}, {19, 70}}},
		{"conv2d", conv, []int{2, 70, 4, 9}, [][]int{{2, 5, 8, 9}, {70, 5, 3, 3}, {70}}},
		{"conv2d.dx", conv, []int{2, 130, 8, 9}, [][]int{{2, 5, 4, 9}, {5, 130, 3, 3}}},
		{"conv2d.dw", conv, []int{70, 15, 3, 3}, [][]int{{2, 15, 8, 9}, {2, 70, 4, 9}}},
	} {
		for _, p := range []Precision{Float32, BFloat16} {
			t.Run(c.kernel+" "+string(p), func(t *testing.T) {
				by := func(multiprocessors int) []float32 {
					d, err := Open(0, p)
					must(t, err)
					d.(*Device).caps.Threads = multiprocessors
					return computedOn(t, d.(*Device), c.kernel, c.attrs, c.out, c.in)
				}
				few, many := by(1), by(1000)
				if !slices.Equal(few, many) {
					t.Error("the results differ")
				}
				if slices.Max(few) == 0 {
					t.Error("the result is 0")
				}
			})
		}
	}
}
