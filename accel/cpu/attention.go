package cpu

import (
	"math"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/kernel"
)

func init() {
	register("attention", func(d *Device, a kernel.Attention, out, in []accel.Tensor) error {
		o, q, k, v := f32(out[0]), f32(in[0]), f32(in[1]), f32(in[2])
		n, m, width := in[0].Shape[1], in[1].Shape[1], in[0].Shape[2]
		w := width / a.Heads
		d.pool.run(in[0].Shape[0]*a.Heads, 1, func(lo, hi int) {
			p := make([]float32, m)
			for bh := lo; bh < hi; bh++ {
				b, at := bh/a.Heads, bh%a.Heads*w
				for i := range n {
					qi := (b*n+i)*width + at
					probabilities(p, q[qi:qi+w], k[b*m*width+at:], width, keys(a, i, m))
					to := o[qi : qi+w]
					clear(to)
					for j := range keys(a, i, m) {
						for t, x := range v[(b*m+j)*width+at : (b*m+j)*width+at+w] {
							to[t] += p[j] * x
						}
					}
				}
			}
		})
		return nil
	})
	register("attention.grad", func(d *Device, a kernel.Attention, out, in []accel.Tensor) error {
		packed, q, k, v, do := f32(out[0]), f32(in[0]), f32(in[1]), f32(in[2]), f32(in[3])
		n, m, width := in[0].Shape[1], in[1].Shape[1], in[0].Shape[2]
		w := width / a.Heads
		scale := float32(1 / math.Sqrt(float64(w)))
		clear(packed)
		dq, dk, dv := packed[:len(q)], packed[len(q):len(q)+len(k)], packed[len(q)+len(k):]
		d.pool.run(in[0].Shape[0]*a.Heads, 1, func(lo, hi int) {
			p, dp := make([]float32, m), make([]float32, m)
			for bh := lo; bh < hi; bh++ {
				b, at := bh/a.Heads, bh%a.Heads*w
				for i := range n {
					qi, count := (b*n+i)*width+at, keys(a, i, m)
					probabilities(p, q[qi:qi+w], k[b*m*width+at:], width, count)
					var dot float32
					for j := range count {
						kj := (b*m+j)*width + at
						dp[j] = 0
						for t, g := range do[qi : qi+w] {
							dp[j] += g * v[kj+t]
							dv[kj+t] += p[j] * g
						}
						dot += p[j] * dp[j]
					}
					for j := range count {
						kj := (b*m+j)*width + at
						s := p[j] * (dp[j] - dot) * scale
						for t := range w {
							dq[qi+t] += s * k[kj+t]
							dk[kj+t] += s * q[qi+t]
						}
					}
				}
			}
		})
		return nil
	})
}

func keys(a kernel.Attention, i, m int) int {
	if a.Causal {
		return i + 1
	}
	return m
}

// probabilities is the softmax of a query's scaled products with count keys.
func probabilities(p, q, k []float32, stride, count int) {
	scale := float32(1 / math.Sqrt(float64(len(q))))
	top := float32(math.Inf(-1))
	for j := range count {
		var s float32
		for t, x := range q {
			s += x * k[j*stride+t]
		}
		p[j] = s * scale
		top = max(top, p[j])
	}
	for j := range count {
		p[j] = float32(math.Exp(float64(p[j] - top)))
	}
	z := sum16(count, func(j int) float32 { return p[j] })
	for j := range count {
		p[j] /= z
	}
}
