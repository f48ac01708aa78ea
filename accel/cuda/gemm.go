//go:build nvidia

package cuda

import (
	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/cuda/drv"
)

// matrix is an operand of a product: element (i, j) of matrix q of a batch is at q*batch + i*row + j*col. One of row and col is 1.
type matrix struct {
	t               accel.Tensor
	row, col, batch int
}

// product is c = alpha a b + bias + beta c, for count matrices: a [m, k], b [k, n], c [m, n], bias [n] or nothing.
type product struct {
	m, n, k     int
	a, b, c     matrix
	bias        *accel.Tensor
	alpha, beta float32
	count       int
}

// tile is TILE of tile.h.
const tile = 64

// tiles has a block for each tile of count matrices [m, n].
func tiles(m, n, count int) grid {
	return grid{blocks: [3]int{divide(n, tile), divide(m, tile), count}, threads: [3]int{threads}}
}

// multiply queues p: cuBLAS where it is installed, else the kernel in gemm.cu.
func (l *launch) multiply(p product) error {
	if l.stream.blas != nil && p.m*p.n*p.k*p.count > 0 {
		return l.cublas(p)
	}
	bias := any(none{})
	if p.bias != nil {
		bias = *p.bias
	}
	return l.run("gemm", tiles(p.m, p.n, p.count), p.c.t, p.a.t, p.b.t, bias, p.m, p.n, p.k, p.a.row, p.a.col, p.b.row, p.b.col, p.c.row,
		p.a.batch, p.b.batch, p.c.batch, p.alpha, p.beta)
}

// cublas adds to a copy of the bias.
func (l *launch) cublas(p product) error {
	if p.bias != nil {
		if err := l.run("walked", each(p.m*p.n), append([]any{p.c.t, *p.bias, p.m * p.n}, walk{[]int{p.n, p.m}, []int{1, 0}}.args()...)...); err != nil {
			return err
		}
		p.beta = 1
	}
	for _, x := range []matrix{p.a, p.b, p.c} {
		if _, err := operand(x.t, accel.Float32); err != nil {
			return err
		}
	}
	a, b, c := p.a.blas(p.m, p.k), p.b.blas(p.k, p.n), p.c.blas(p.m, p.n)
	s := l.stream
	s.post(l.queued(), func() error {
		return s.blas.Gemm(drv.Float32, p.m, p.n, p.k, p.alpha, a, b, p.beta, c, p.count)
	})
	return nil
}

// blas is a matrix [rows, cols] as cuBLAS takes it, which wants steps that are no shorter than a row, of a single row too.
func (m matrix) blas(rows, cols int) drv.Matrix {
	if m.col == 1 {
		return drv.Matrix{Ptr: pointer(m.t), Stride: max(m.row, cols), Batch: m.batch}
	}
	return drv.Matrix{Ptr: pointer(m.t), Stride: max(m.col, rows), Batch: m.batch, Trans: true}
}
