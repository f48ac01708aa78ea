package cpu

import (
	"math"
	"testing"
	"time"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/kernel"
)

var vit, mlp, unet = []int{64, 65, 192}, []int{64, 65, 768}, []int{32, 64, 32, 32}

// The kernels around the products at the sizes of a small ViT's training step (64 images of 65 tokens of 192) and of a
// small U-Net's (32 images of 64 channels of 32x32).
var vectorBenchmarks = []struct {
	kernel  string
	attrs   any
	out, in [][]int
}{
	{"relu", kernel.ReLU{}, [][]int{{64}}, [][]int{{64}}}, // what a launch costs
	{"relu", kernel.ReLU{}, [][]int{unet}, [][]int{unet}},
	{"add", kernel.Add{}, [][]int{vit}, [][]int{vit, vit}},
	{"add", kernel.Add{}, [][]int{vit}, [][]int{vit, {1, 1, 192}}},
	{"add", kernel.Add{}, [][]int{unet}, [][]int{unet, {32, 64, 1, 1}}},
	{"reduce_to", kernel.ReduceTo{}, [][]int{{1, 1, 192}}, [][]int{vit}},
	{"reduce_to", kernel.ReduceTo{}, [][]int{{32, 64, 1, 1}}, [][]int{unet}},
	{"permute", kernel.Permute{Perm: [6]int{0, 2, 1}, N: 3}, [][]int{{64, 192, 65}}, [][]int{vit}},
	{"gelu", kernel.GELU{}, [][]int{mlp}, [][]int{mlp}},
	{"gelu.dx", kernel.GELU{}, [][]int{mlp}, [][]int{mlp, mlp}},
	{"silu", kernel.SiLU{}, [][]int{unet}, [][]int{unet}},
	{"silu.dx", kernel.SiLU{}, [][]int{unet}, [][]int{unet, unet}},
	{"layer_norm", kernel.LayerNorm{Eps: 1e-6}, [][]int{vit}, [][]int{vit, {192}, {192}}},
	{"layer_norm.dx", kernel.LayerNorm{Eps: 1e-6}, [][]int{vit}, [][]int{vit, {192}, vit}},
	{"layer_norm.dparams", kernel.LayerNorm{Eps: 1e-6}, [][]int{{384}}, [][]int{vit, vit}},
	{"group_norm", kernel.GroupNorm{Groups: 16, Eps: 1e-5}, [][]int{unet}, [][]int{unet, {64}, {64}}},
	{"group_norm.dx", kernel.GroupNorm{Groups: 16, Eps: 1e-5}, [][]int{unet}, [][]int{unet, {64}, unet}},
	{"batch_norm.train", kernel.BatchNorm{Eps: 1e-5}, [][]int{unet, {3 * 64}}, [][]int{unet, {64}, {64}}},
	{"batch_norm.train.grad", kernel.BatchNorm{Eps: 1e-5}, [][]int{unet, {2 * 64}}, [][]int{unet, {64}, {64}, {64}, unet}},
	{"mse_loss", kernel.MSELoss{}, [][]int{{}}, [][]int{unet, unet}},
	{"adamw", kernel.AdamW{LR: 1e-3, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, Step: 7, Scale: 1}, [][]int{{5 << 20}, {5 << 20}, {5 << 20}}, [][]int{{5 << 20}}},
}

// BenchmarkVectors reports the fastest launch's rate over the bytes of all operands: on a machine that others use too, the mean
// says more about them.
func BenchmarkVectors(b *testing.B) {
	d := New(0)
	stream, err := d.NewStream()
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range vectorBenchmarks {
		b.Run(c.kernel, func(b *testing.B) {
			bytes := 0
			operands := func(shapes [][]int) (ts []accel.Tensor) {
				for _, s := range shapes {
					buf, err := d.Alloc(accel.Float32, accel.Volume(s))
					if err != nil {
						b.Fatal(err)
					}
					for i := range buf.(*buffer).f {
						buf.(*buffer).f[i] = float32(i%17) / 8
					}
					bytes += 4 * accel.Volume(s)
					ts = append(ts, accel.Tensor{Buf: buf, Shape: s})
				}
				return ts
			}
			out, in := operands(c.out), operands(c.in)
			k, err := d.Kernel(c.kernel)
			if err != nil {
				b.Fatal(err)
			}
			best := time.Duration(math.MaxInt64)
			b.ReportAllocs()
			for b.Loop() {
				start := time.Now()
				if err := d.Launch(stream, k, c.attrs, out, in); err != nil {
					b.Fatal(err)
				}
				best = min(best, time.Since(start))
			}
			b.ReportMetric(float64(bytes)/float64(best), "GB/s")
		})
	}
}
