//go:build nvidia

package cuda

import (
	"math/rand/v2"
	"testing"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/acceltest"
	"github.com/pipe-ml/pipe/accel/kernel"
)

// Small integers are bfloat16 numbers, and so their products give the same bits; the probabilities of attention are rounded.
func TestBFloat16MultipliesSmallIntegersExactly(t *testing.T) {
	conv := kernel.Conv2d{StrideH: 2, StrideW: 2, PadTop: 1, PadLeft: 1, PadBottom: 1, PadRight: 1, Groups: 1}
	for _, c := range []struct {
		kernel  string
		attrs   any
		out     []int
		in      [][]int
		rounded bool
	}{
		{"linear", kernel.Linear{}, []int{70, 67}, [][]int{{70, 45}, {67, 45}, {67}}, false},
		{"linear.dx", kernel.Linear{}, []int{70, 45}, [][]int{{70, 67}, {67, 45}}, false},
		{"linear.dw", kernel.Linear{}, []int{67, 45}, [][]int{{70, 45}, {70, 67}}, false},
		{"conv2d", conv, []int{2, 19, 5, 5}, [][]int{{2, 9, 9, 9}, {19, 9, 3, 3}}, false},
		{"conv2d.dx", conv, []int{2, 9, 9, 9}, [][]int{{2, 19, 5, 5}, {19, 9, 3, 3}}, false},
		{"conv2d.dw", conv, []int{19, 9, 3, 3}, [][]int{{2, 9, 9, 9}, {2, 19, 5, 5}}, false},
		{"attention", kernel.Attention{Heads: 2}, []int{1, 70, 320}, [][]int{{1, 70, 320}, {1, 65, 320}, {1, 65, 320}}, true},
		{"attention.grad", kernel.Attention{Heads: 2, Causal: true}, []int{3 * 70 * 34}, [][]int{{1, 70, 34}, {1, 70, 34}, {1, 70, 34}, {1, 70, 34}}, true},
	} {
		t.Run(c.kernel, func(t *testing.T) {
			full, half := computed(t, Float32, c.kernel, c.attrs, c.out, c.in), computed(t, BFloat16, c.kernel, c.attrs, c.out, c.in)
			far := acceltest.Distance(full, half)
			if !c.rounded && far != 0 || !(far < 1.0/128) {
				t.Errorf("bf16 is %.3g of the result's size away", far)
			}
			if c.rounded && far == 0 {
				t.Error("nothing was rounded: were tensor cores used?")
			}
		})
	}
}

// computed launches a kernel on sixteenths of small integers.
func computed(t *testing.T, p Precision, name string, attrs any, out []int, in [][]int) []float32 {
	t.Helper()
	d, err := Open(0, p)
	must(t, err)
	return computedOn(t, d.(*Device), name, attrs, out, in)
}

// computedOn is computed by a device, which it closes.
func computedOn(t *testing.T, d *Device, name string, attrs any, out []int, in [][]int) []float32 {
	t.Helper()
	s := newStream(t, d)
	s.blas.asked = true // our kernels, not cuBLAS
	tensor := func(shape []int) accel.Tensor {
		x := alloc(t, d, accel.Float32, accel.Volume(shape))
		x.Shape = shape
		return x
	}
	var operands []accel.Tensor
	r := rand.New(rand.NewPCG(1, 2))
	for _, shape := range in {
		x := tensor(shape)
		values := make([]float32, x.Len())
		for i := range values {
			values[i] = float32(r.IntN(9)-4) / 16
		}
		must(t, d.CopyIn(s, x, values))
		operands = append(operands, x)
	}
	y := tensor(out)
	k, err := d.Kernel(name)
	must(t, err)
	must(t, d.Launch(s, k, attrs, []accel.Tensor{y}, operands))
	got := make([]float32, y.Len())
	must(t, d.CopyOut(s, got, y))
	for _, x := range append(operands, y) {
		must(t, d.Free(x.Buf))
	}
	must(t, d.Close())
	return got
}
