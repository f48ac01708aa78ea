//go:build nvidia

package cuda

import (
	"testing"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/kernel"
)

// A stream keeps its scratch, so that a product for each image of a large batch would stay with it.
func TestTheGradientOfAPointwiseConvolutionTakesBoundedScratch(t *testing.T) {
	d := open(t)
	s := newStream(t, d)
	const batch, o, c = 8, 1024, 640 // 5 million products of weights and images
	tensor := func(shape []int, value func(i int) int) accel.Tensor {
		x := alloc(t, d, accel.Float32, accel.Volume(shape))
		x.Shape = shape
		values := make([]float32, x.Len())
		for i := range values {
			values[i] = float32(value(i))
		}
		must(t, d.CopyIn(s, x, values))
		return x
	}
	x := tensor([]int{batch, c, 1, 1}, func(i int) int { return i % 7 })
	dy := tensor([]int{batch, o, 1, 1}, func(i int) int { return i % 5 })
	dw := tensor([]int{o, c, 1, 1}, func(int) int { return 9 })
	k, err := d.Kernel("conv2d.dw")
	must(t, err)
	must(t, d.Launch(s, k, kernel.Conv2d{StrideH: 1, StrideW: 1, Groups: 1}, []accel.Tensor{dw}, []accel.Tensor{x, dy}))
	got := make([]float32, dw.Len())
	must(t, d.CopyOut(s, got, dw))
	for i, v := range got {
		want := 0
		for b := range batch {
			want += (b*c + i%c) % 7 * ((b*o + i/c) % 5)
		}
		if v != float32(want) {
			t.Fatalf("weight %d has the gradient %g, want %d", i, v, want)
		}
	}
	if held := s.scratch.arena.n; held > mostParts {
		t.Errorf("%d numbers of scratch are held, more than %d", held, mostParts)
	}
	must(t, d.Free(x.Buf), d.Free(dy.Buf), d.Free(dw.Buf), d.Close())
}
