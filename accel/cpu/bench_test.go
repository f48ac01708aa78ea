package cpu

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/kernel"
)

// benchLaunch times a kernel on random operands of the given shapes at the best level.
func benchLaunch(b *testing.B, name string, attrs any, flops int, out []int, in ...[]int) {
	for _, threads := range []int{1, 2} {
		b.Run(fmt.Sprintf("%s/%v/%d", name, in, threads), func(b *testing.B) {
			d := New(threads)
			s, err := d.NewStream()
			if err != nil {
				b.Fatal(err)
			}
			r := rand.New(rand.NewPCG(1, 2))
			operand := func(shape []int) accel.Tensor {
				n := accel.Volume(shape)
				buf, err := d.Alloc(accel.Float32, n)
				if err != nil {
					b.Fatal(err)
				}
				t := accel.Tensor{Buf: buf, Shape: shape}
				if err := d.CopyIn(s, t, random(r, n)); err != nil {
					b.Fatal(err)
				}
				return t
			}
			k, err := d.Kernel(name)
			if err != nil {
				b.Fatal(err)
			}
			outs, ins := []accel.Tensor{operand(out)}, []accel.Tensor{}
			for _, shape := range in {
				ins = append(ins, operand(shape))
			}
			b.ReportAllocs()
			reportBest(b, flops, func() {
				if err := d.Launch(s, k, attrs, outs, ins); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
}

// reportBest runs f and reports the rate of its fastest run, in billions of floating-point operations a second: on a machine that
// others use too, the mean says more about them.
func reportBest(b *testing.B, flops int, f func()) {
	best := time.Duration(math.MaxInt64)
	for b.Loop() {
		start := time.Now()
		f()
		best = min(best, time.Since(start))
	}
	b.ReportMetric(float64(flops)/float64(best), "GFLOP/s")
}

func BenchmarkConv2d(b *testing.B) {
	for _, c := range []struct{ batch, in, size, out, kernel, stride, groups int }{
		{16, 32, 64, 32, 3, 1, 1},
		{16, 64, 32, 64, 3, 1, 1},
		{16, 128, 16, 128, 3, 1, 1},
		{16, 128, 8, 128, 3, 1, 1},
		{16, 64, 56, 64, 3, 1, 1},
		{16, 64, 32, 128, 3, 2, 1},
		{16, 128, 32, 64, 1, 1, 1},
		{16, 3, 64, 32, 3, 1, 1},
		{16, 128, 32, 128, 3, 1, 128},
	} {
		pad := c.kernel / 2
		a := kernel.Conv2d{StrideH: c.stride, StrideW: c.stride, PadTop: pad, PadLeft: pad, PadBottom: pad, PadRight: pad, Groups: c.groups}
		to := c.size / c.stride
		x, w, y := []int{c.batch, c.in, c.size, c.size}, []int{c.out, c.in / c.groups, c.kernel, c.kernel}, []int{c.batch, c.out, to, to}
		flops := 2 * accel.Volume(y) * accel.Volume(w[1:])
		benchLaunch(b, "conv2d", a, flops, y, x, w)
		benchLaunch(b, "conv2d.dx", a, flops, x, y, w)
		benchLaunch(b, "conv2d.dw", a, flops, w, x, y)
	}
}

func BenchmarkLinear(b *testing.B) {
	for _, s := range [][3]int{{2080, 96, 288}, {2080, 96, 384}, {2080, 384, 96}, {2080, 192, 576}, {2080, 192, 768}, {2080, 768, 192}} {
		rows, k, m := s[0], s[1], s[2]
		flops := 2 * rows * k * m
		benchLaunch(b, "linear", kernel.Linear{}, flops, []int{rows, m}, []int{rows, k}, []int{m, k}, []int{m})
		benchLaunch(b, "linear.dx", kernel.Linear{}, flops, []int{rows, k}, []int{rows, m}, []int{m, k})
		benchLaunch(b, "linear.dw", kernel.Linear{}, flops, []int{m, k}, []int{rows, k}, []int{rows, m})
		benchLaunch(b, "linear.db", kernel.Linear{}, rows*m, []int{m}, []int{rows, m})
	}
}

func BenchmarkAttention(b *testing.B) {
	for _, s := range []struct{ batch, n, d, heads int }{{32, 65, 96, 3}, {32, 65, 192, 3}, {16, 256, 128, 4}} {
		shape, a := []int{s.batch, s.n, s.d}, kernel.Attention{Heads: s.heads}
		flops := 4 * s.batch * s.n * s.n * s.d
		benchLaunch(b, "attention", a, flops, shape, shape, shape, shape)
		benchLaunch(b, "attention.grad", a, 5*flops/2, []int{3 * accel.Volume(shape)}, shape, shape, shape, shape)
	}
}
