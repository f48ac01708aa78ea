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

// multiply queues p: cuBLAS where it is installed, else the kernel in gemm.cu.
func (l *launch) multiply(p product) error {
	if l.stream.blas != nil && p.m*p.n*p.k*p.count > 0 {
		return l.cublas(p)
	}
	bias := any(none{})
	if p.bias != nil {
		bias = *p.bias
	}
	g := grid{blocks: [3]int{divide(p.n, 64), divide(p.m, 64), p.count}, threads: [3]int{threads}}
	return l.run("gemm", g, p.c.t, p.a.t, p.b.t, bias, p.m, p.n, p.k, p.a.row, p.a.col, p.b.row, p.b.col, p.c.row,
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
	var m [3]drv.Matrix
	for i, x := range []matrix{p.a, p.b, p.c} {
		if _, err := operand(x.t, accel.Float32); err != nil {
			return err
		}
		m[i] = drv.Matrix{Ptr: pointer(x.t), Stride: x.row, Batch: x.batch}
		if x.col != 1 {
			m[i].Stride, m[i].Trans = x.col, true
		}
	}
	s := l.stream
	s.post(l.queued(), func() error {
		return s.blas.Gemm(drv.Float32, p.m, p.n, p.k, p.alpha, m[0], m[1], p.beta, m[2], p.count)
	})
	return nil
}
