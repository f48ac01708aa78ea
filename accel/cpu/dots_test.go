package cpu

import (
	"math/rand/v2"
	"testing"
)

func TestDotsAreThoseOfEachTap(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	for _, n := range []int{0, 5, 16, 47, 160} {
		for _, window := range []int{1, 3, 4, 9} {
			x, dy := random(r, n+40), random(r, n)
			taps := make([]int, window)
			for i := range taps {
				taps[i] = (i*13 + 3) % 40
			}
			want := make([]lanes, window)
			for i, tap := range taps {
				levelGo.dot(&want[i], x[tap:][:n], dy)
			}
			for _, l := range levels() {
				got := make([]lanes, window)
				l.dots(got, x, taps, dy)
				for i := range got {
					compareBits(t, l.String(), got[i][:], want[i][:])
				}
			}
		}
	}
}
