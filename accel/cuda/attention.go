//go:build nvidia

package cuda

import (
	"errors"
	"math"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/internal/operand"
	"github.com/pipe-ml/pipe/accel/kernel"
)

func init() {
	register("attention", attention)
	register("attention.grad", attentionGrad)
}

// heads is the geometry of an attention: each head of each batch element is a problem of n queries and m keys of width w, whose
// rows are d apart.
type heads struct {
	kernel.Attention
	batch, n, m, d, w int
}

func headsOf(a kernel.Attention, q, k, v accel.Tensor) (heads, error) {
	if err := operand.Attention(a, q, k, v); err != nil {
		return heads{}, err
	}
	h := heads{Attention: a, batch: q.Shape[0], n: q.Shape[1], m: k.Shape[1], d: q.Shape[2], w: q.Shape[2] / a.Heads}
	return h, nil
}

// run queues a function with operands, for a result of some rows in the given number of columns a head.
func (h heads) run(l *launch, function string, rows, columns int, operands ...any) error {
	causal := 0
	if h.Causal {
		causal = 1
	}
	const wide = 128 // WIDE of attention.cu
	g := grid{blocks: [3]int{divide(rows, tile), divide(columns, wide), h.batch * h.Heads}, threads: [3]int{threads}}
	scale := float32(1 / math.Sqrt(float64(h.w)))
	return l.run(l.product(function), g, append(operands, h.n, h.m, h.Heads, h.w, h.d, scale, causal)...)
}

func attention(l *launch, a kernel.Attention, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 1, 3); err != nil {
		return err
	}
	h, err := headsOf(a, in[0], in[1], in[2])
	if err != nil {
		return err
	}
	if err := operand.VectorOf(in[0].Len(), out[0]); err != nil {
		return err
	}
	return h.run(l, "attention", h.n, h.w, out[0], in[0], in[1], in[2])
}

// attentionGrad computes what each row's softmax needs, and then each part of [dq | dk | dv] by itself.
func attentionGrad(l *launch, a kernel.Attention, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 1, 4); err != nil {
		return err
	}
	q, k, v, dout := in[0], in[1], in[2], in[3]
	h, err := headsOf(a, q, k, v)
	if err != nil {
		return err
	}
	if err := errors.Join(operand.VectorOf(q.Len(), dout), operand.VectorOf(q.Len()+2*k.Len(), out[0])); err != nil {
		return err
	}
	stats, err := l.scratch(h.batch*h.Heads, h.n, 2)
	if err != nil {
		return err
	}
	if err := h.run(l, "attention_stats", h.n, 1, stats, q, k, v, dout); err != nil {
		return err
	}
	dq := accel.Tensor{Buf: out[0].Buf, Off: out[0].Off, Shape: q.Shape}
	dk := accel.Tensor{Buf: dq.Buf, Off: dq.Off + dq.Len(), Shape: k.Shape}
	dv := accel.Tensor{Buf: dq.Buf, Off: dk.Off + dk.Len(), Shape: k.Shape}
	return errors.Join(
		h.run(l, "attention_dq", h.n, h.w, dq, q, k, v, dout, stats),
		h.run(l, "attention_dk", h.m, h.w, dk, q, k, v, dout, stats),
		h.run(l, "attention_dv", h.m, h.w, dv, q, k, v, dout, stats))
}
