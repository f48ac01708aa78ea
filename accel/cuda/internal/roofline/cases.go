package roofline

import (
	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/kernel"
)

// Case is a kernel at the shapes of a network.
type Case struct {
	Network, Kernel string
	BF16            bool
	Attrs           any
	Out, In         [][]int
	FLOP            float64 // of multiply-adds, two each; 0 for a kernel that moves data
	Bytes           float64 // that every implementation must move: operands and results once
	works           func(Card) []work
	Why             string // what keeps the kernel from the roof by its design, or nothing
}

// Roof is the least time in seconds by the card's arithmetic and memory.
func (c Case) Roof(card Card) float64 {
	return max(c.FLOP/max(card.Peak(c.BF16), 1), c.Bytes/card.Memory)
}

// Bound is the least time in seconds of the kernel as it is written, and what bounds the longest of its launches.
func (c Case) Bound(card Card) (seconds float64, by string) {
	longest := 0.0
	for _, w := range c.works(card) {
		s, b := w.bound(card)
		seconds += s
		if s > longest {
			longest, by = s, b
		}
	}
	return seconds, by
}

// Warps is how many warps a multiprocessor of sm_90 holds of the first launch.
func (c Case) Warps(card Card) int { return resident(c.works(card)[0].function) * threads / 32 }

// sizes are those of the cases: real ones, and tiny ones for a double.
type sizes struct {
	batch, tokens, width, heads int // of ViT-B/16
	images, channels, side      int // of ResNet-50, its third stage
	latents, features, grid     int // of the U-Net of Stable Diffusion 1.5, its first stage
	parameters                  int
}

// Cases are the kernels that take the time of a training step of ViT-B/16, of ResNet-50 and of the U-Net of Stable Diffusion 1.5.
func Cases() []Case {
	return cases(sizes{64, 197, 768, 12, 64, 256, 14, 8, 320, 64, 768 * 3072})
}

// Tiny are the same kernels, each small enough for a double.
func Tiny() []Case { return cases(sizes{1, 5, 8, 2, 1, 3, 4, 1, 32, 2, 100}) }

func cases(s sizes) (all []Case) {
	rows, wide := s.batch*s.tokens, 4*s.width
	for _, bf16 := range []bool{false, true} {
		all = append(all, linears(rows, s.width, wide, bf16)...)
		all = append(all, convolutions("ResNet-50", bf16, []int{s.images, s.channels, s.side, s.side}, []int{s.channels, s.channels, 3, 3}, 1, 1)...)
		all = append(all, convolutions("ResNet-50", bf16, []int{s.images, 3, 16 * s.side, 16 * s.side}, []int{max(s.channels/4, 1), 3, 7, 7}, 2, 3)...)
		all = append(all, convolutions("SD 1.5", bf16, []int{s.latents, s.features, s.grid, s.grid}, []int{s.features, s.features, 3, 3}, 1, 1)...)
		all = append(all, attentions("ViT-B/16", bf16, s.batch, s.heads, s.tokens, s.tokens, s.width)...)
		all = append(all, attentions("SD 1.5", bf16, s.latents, 8, s.grid*s.grid, s.grid*s.grid, s.features)...)
	}
	tokens, hidden := []int{rows, s.width}, []int{rows, wide}
	maps, planes := []int{s.images, s.channels, 4 * s.side, 4 * s.side}, []int{s.latents, s.features, s.grid, s.grid}
	return append(all,
		moving("ViT-B/16", "layer_norm", kernel.LayerNorm{Eps: 1e-6}, [][]int{tokens}, [][]int{tokens, {s.width}, {s.width}}, 0, 0, "rows stay in the first cache between its three passes"),
		moving("ViT-B/16", "layer_norm.dx", kernel.LayerNorm{Eps: 1e-6}, [][]int{tokens}, [][]int{tokens, {s.width}, tokens}, 0, 0, "as above, of two operands"),
		moving("ViT-B/16", "gelu", kernel.GELU{}, [][]int{hidden}, [][]int{hidden}, 0, 60, ""),
		moving("ViT-B/16", "add", kernel.Add{}, [][]int{tokens}, [][]int{tokens, tokens}, 0, 12, "an element a thread, loads of 4 bytes"),
		moving("ViT-B/16", "permute", kernel.Permute{Perm: [kernel.MaxRank]int{0, 2, 1}, N: 3}, [][]int{{s.batch, s.tokens - 1, s.width}},
			[][]int{{s.batch, s.width, s.tokens - 1}}, 0, 12, "a transpose by squares of 32"),
		moving("ViT-B/16", "adamw", kernel.AdamW{LR: 1e-4, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, Step: 1, Scale: 1},
			[][]int{{s.parameters}, {s.parameters}, {s.parameters}}, [][]int{{s.parameters}}, float64(12*s.parameters), 40, "a launch a tensor"),
		moving("ResNet-50", "batch_norm.train", kernel.BatchNorm{Eps: 1e-5}, [][]int{maps, {3 * s.channels}}, [][]int{maps, {s.channels}, {s.channels}},
			float64(2*4*accel.Volume(maps)), 0, "mean, variance and result each read all of x; one pass less would do (Welford)"),
		moving("ResNet-50", "relu", kernel.ReLU{}, [][]int{maps}, [][]int{maps}, 0, 10, ""),
		moving("SD 1.5", "group_norm", kernel.GroupNorm{Groups: 32, Eps: 1e-5}, [][]int{planes}, [][]int{planes, {s.features}, {s.features}},
			float64(4*accel.Volume(planes)), 0, "statistics and result each read all of x"),
		moving("SD 1.5", "permute", kernel.Permute{Perm: [kernel.MaxRank]int{0, 2, 1}, N: 3}, [][]int{{s.latents, s.grid * s.grid, s.features}},
			[][]int{{s.latents, s.features, s.grid * s.grid}}, 0, 12, "a transpose by squares of 32"),
	)
}

const (
	synchronous  = "a panel is loaded, and then multiplied: nothing hides the loads but other blocks"
	unpipelined  = "operands are float32 in memory, rounded on the way to shared memory; mma.sync by single panels, no cp.async, no wgmma"
	indexed      = "places of patches are divided out again for each element of a panel; of 3 channels, results leave most of a square idle"
	recomputed   = "scores are computed in each of 4 functions: 10 products where 5 would do"
	scoresAgain  = "weights go through shared memory; squares of 64"
	leastOfSteps = 256
)

func why(bf16 bool, more string) string {
	if bf16 {
		return unpipelined + more
	}
	return synchronous + more
}

func linears(n, k, m int, bf16 bool) []Case {
	x, w, y := []int{n, k}, []int{m, k}, []int{n, m}
	size := float64(4 * (n*k + m*k + n*m))
	one := func(kernelName string, out []int, in [][]int, p product) Case {
		p.function, p.count, p.kept, p.bf16 = "gemm", 1, size, bf16
		return Case{Network: "ViT-B/16", Kernel: kernelName, BF16: bf16, Attrs: kernel.Linear{}, Out: [][]int{out}, In: in, FLOP: 2 * float64(n*k*m),
			Bytes: size, works: func(c Card) []work { return []work{p.work(c)} }, Why: why(bf16, "; cuBLAS takes its place where it is installed")}
	}
	return []Case{
		one("linear", y, [][]int{x, w, {m}}, product{m: n, n: m, k: k, left: alongK, right: alongK}),
		one("linear.dx", x, [][]int{y, w}, product{m: n, n: k, k: m, left: alongK, right: acrossK}),
		one("linear.dw", w, [][]int{x, y}, product{m: m, n: k, k: n, left: acrossK, right: acrossK}),
	}
}

func convolutions(network string, bf16 bool, x, w []int, stride, pad int) []Case {
	b, c, h, o, k := x[0], x[1], x[2], w[0], w[2]
	oh := (h+2*pad-k)/stride + 1
	y, area, taps := []int{b, o, oh, oh}, b*oh*oh, c*k*k
	a := kernel.Conv2d{StrideH: stride, StrideW: stride, PadTop: pad, PadLeft: pad, PadBottom: pad, PadRight: pad, Groups: 1}
	size := float64(4 * (accel.Volume(x) + accel.Volume(w) + accel.Volume(y)))
	one := func(kernelName string, out []int, in [][]int, p product, more func(Card) []work) Case {
		p.kept, p.bf16 = size, bf16
		return Case{Network: network, Kernel: kernelName, BF16: bf16, Attrs: a, Out: [][]int{out}, In: in, FLOP: 2 * float64(area*taps*o), Bytes: size,
			works: func(c Card) []work { return append([]work{p.work(c)}, more(c)...) }, Why: why(bf16, "; "+indexed)}
	}
	none := func(Card) []work { return nil }
	phases := stride * stride
	chunks := max(1, min(ceil(512, ceil(taps, 64)*ceil(o, 64)), area/leastOfSteps)) // as conv2dDw
	parts := func(Card) []work {
		return []work{{function: "column_sums", blocks: ceil(o*taps, 32), memory: float64(4 * (chunks + 1) * o * taps)}}
	}
	return []Case{
		one("conv2d", y, [][]int{x, w, {o}}, product{function: "conv2d", m: area, n: o, k: taps, count: 1, left: patches, right: alongK}, none),
		one("conv2d.dx", x, [][]int{y, w}, product{function: "conv2d_dx", m: b * ceil(h, stride) * ceil(h, stride), n: c, k: ceil(o*k*k, phases), count: phases,
			left: patches, right: weights}, none),
		one("conv2d.dw", w, [][]int{x, y}, product{function: "conv2d_dw", m: taps, n: o, k: ceil(area, chunks), count: chunks, left: patchesK, right: gradient}, parts),
	}
}

func attentions(network string, bf16 bool, batch, count, n, m, d int) []Case {
	q, k := []int{batch, n, d}, []int{batch, m, d}
	h := heads{count: batch * count, n: n, m: m, w: d / count, bf16: bf16}
	flop := 2 * float64(h.count*n*m*h.w)
	one := func(kernelName string, out []int, in [][]int, products, bytes float64, works []work, why string) Case {
		return Case{Network: network, Kernel: kernelName, BF16: bf16, Attrs: kernel.Attention{Heads: count}, Out: [][]int{out}, In: in, FLOP: products * flop,
			Bytes: bytes, works: func(Card) []work { return works }, Why: why}
	}
	return []Case{
		one("attention", q, [][]int{q, k, k}, 2, 2*h.bytes(n)+2*h.bytes(m), h.forward(), scoresAgain),
		one("attention.grad", []int{accel.Volume(q) + 2*accel.Volume(k)}, [][]int{q, k, k, q}, 5, 3*h.bytes(n)+4*h.bytes(m), h.gradient(), recomputed),
	}
}

// moving is a kernel that is bound by memory: again are the bytes that it moves beside operands and results once, and instructions those
// of a thread for an element; 0 for kernels whose threads have several.
func moving(network, name string, attrs any, out, in [][]int, again, instructions float64, why string) Case {
	bytes := 0.0
	for _, shape := range append(append([][]int{}, out...), in...) {
		bytes += float64(4 * accel.Volume(shape))
	}
	if name == "adamw" { // updates in place
		bytes, again = bytes+again, 0
	}
	n := accel.Volume(out[0])
	w := work{blocks: ceil(n, threads), memory: bytes + again, issue: instructions * float64(n) / 32}
	return Case{Network: network, Kernel: name, Attrs: attrs, Out: out, In: in, Bytes: bytes, Why: why, works: func(Card) []work {
		w.function = functions[name]
		return []work{w}
	}}
}

// functions are those that take the time of kernels of other names.
var functions = map[string]string{"layer_norm": "layer_norm", "layer_norm.dx": "layer_norm_dx", "gelu": "gelu", "add": "add", "permute": "transpose",
	"adamw": "adamw", "batch_norm.train": "channel_norm", "relu": "relu", "group_norm": "channel_norm"}
