package cpu

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

// head is the part of x [B, rows, D] that belongs to one head of one batch element.
func (h *heads) head(x []float32, i, rows int) []float32 {
	return x[i/h.Heads*rows*h.d+i%h.Heads*h.w:]
}

// strips cuts the queries into even strips of a matrix of probabilities, whose rows are ld apart, so that one stays in cache. For each of
// them keys and values are packed anew.
func (h *heads) strips() (count, rows, ld int) {
	const floats = 64 << 10
	ld = (h.m + width - 1) / width * width
	most := max(maxMR, floats/ld/maxMR*maxMR)
	count = (h.n + most - 1) / most
	rows = min(h.n, (h.n/count+maxMR)/maxMR*maxMR)
	return (h.n + rows - 1) / rows, rows, ld
}

// attention computes o = softmax(q k^T / sqrt(w)) v, one strip of queries at a time.
func attention(d *Device, a kernel.Attention, out, in []accel.Tensor) error {
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
	o, q, k, v := f32(out[0]), f32(in[0]), f32(in[1]), f32(in[2])
	count, rows, ld := h.strips()
	d.pool.run(h.batch*h.Heads*count, 1, func(lo, hi int) {
		ws := d.workspace()
		defer ws.release()
		p := d.borrow(rows * ld)
		defer d.giveBack(p)
		for strip := lo; strip < hi; strip++ {
			i, first := strip/count, strip%count*rows
			q, k, v, o := h.head(q, i, h.n), h.head(k, i, h.m), h.head(v, i, h.m), h.head(o, i, h.n)
			r := min(rows, h.n-first)
			h.probabilities(d.level, &ws, p, q[first*h.d:], k, first, r, ld)
			ws.whole(gemm{m: r, n: h.w, k: h.m, a: matrix{p, ld, 1}, b: matrix{v, h.d, 1}, c: o[first*h.d:], ldc: h.d})
		}
	})
	return nil
}

// probabilities fills rows of p with the softmax of q k^T / sqrt(w), the first being that of query first. Elements of p behind the keys
// become 0.
func (h *heads) probabilities(l level, ws *workspace, p, q, k []float32, first, rows, ld int) {
	ws.whole(gemm{m: rows, n: h.m, k: h.w, a: matrix{q, h.d, 1}, b: matrix{k, 1, h.d}, c: p, ldc: ld})
	strip := p[:rows*ld]
	l.scale(strip, strip, h.scale())
	var s lanes // outside of the loop, since it goes to the heap
	for i := range rows {
		row := p[i*ld:][:ld]
		seen := h.m
		if h.Causal {
			seen = first + i + 1
		}
		for j := seen; j < ld; j++ {
			row[j] = float32(math.Inf(-1))
		}
		l.expShift(row, row, l.maximum(&s, row))
		s = lanes{}
		l.sum(&s, row)
		l.scale(row, row, 1/s.total())
	}
}

func (h *heads) scale() float32 { return float32(1 / math.Sqrt(float64(h.w))) }

// attentionGrad computes [dq | dk | dv] from probabilities computed anew, strip by strip: dv += p^T do and dk += ds^T q in order of
// queries, dq = ds k, where ds = p (dp - sum(p dp)) / sqrt(w) and dp = do v^T.
func attentionGrad(d *Device, a kernel.Attention, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 1, 4); err != nil {
		return err
	}
	h, err := headsOf(a, in[0], in[1], in[2])
	if err != nil {
		return err
	}
	q, k, v, do := f32(in[0]), f32(in[1]), f32(in[2]), f32(in[3])
	if len(do) != len(q) || out[0].Len() != len(q)+2*len(k) {
		return errors.New("do must be as large as q, and the output as q, k and v")
	}
	packed := f32(out[0])
	dq, dk, dv := packed[:len(q)], packed[len(q):len(q)+len(k)], packed[len(q)+len(k):]
	_, rows, ld := h.strips()
	d.pool.run(h.batch*h.Heads, 1, func(lo, hi int) {
		ws := d.workspace()
		defer ws.release()
		scratch := d.borrow(2 * rows * ld)
		defer d.giveBack(scratch)
		p, ds := scratch[:rows*ld], scratch[rows*ld:]
		clear(ds)
		for i := lo; i < hi; i++ {
			q, k, v, do := h.head(q, i, h.n), h.head(k, i, h.m), h.head(v, i, h.m), h.head(do, i, h.n)
			dq, dk, dv := h.head(dq, i, h.n), h.head(dk, i, h.m), h.head(dv, i, h.m)
			for first := 0; first < h.n; first += rows {
				r, at := min(rows, h.n-first), first*h.d
				h.probabilities(d.level, &ws, p, q[at:], k, first, r, ld)
				ws.whole(gemm{m: r, n: h.m, k: h.w, a: matrix{do[at:], h.d, 1}, b: matrix{v, 1, h.d}, c: ds, ldc: ld})
				h.softmaxDx(d.level, ds, p, r, ld)
				ws.whole(gemm{m: r, n: h.w, k: h.m, a: matrix{ds, ld, 1}, b: matrix{k, h.d, 1}, c: dq[at:], ldc: h.d})
				ws.whole(gemm{m: h.m, n: h.w, k: r, a: matrix{ds, 1, ld}, b: matrix{q[at:], h.d, 1}, c: dk, ldc: h.d, add: first > 0})
				ws.whole(gemm{m: h.m, n: h.w, k: r, a: matrix{p, 1, ld}, b: matrix{do[at:], h.d, 1}, c: dv, ldc: h.d, add: first > 0})
			}
		}
	})
	return nil
}

// softmaxDx turns the gradient at the probabilities p into the gradient at the unscaled products q k^T.
func (h *heads) softmaxDx(l level, ds, p []float32, rows, ld int) {
	p, ds = p[:rows*ld], ds[:rows*ld]
	var s lanes
	for at := 0; at < len(p); at += ld {
		row := ds[at:][:ld]
		s = lanes{}
		l.dot(&s, p[at:][:ld], row)
		l.shift(row, row, -s.total())
	}
	l.mul(ds, ds, p)
	l.scale(ds, ds, h.scale())
}
