//go:build nvidia

package cuda

import (
	"errors"
	"fmt"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/cuda/drv"
)

// matrix is an operand of a product: element (i, j) of matrix q of a batch is at q*batch + i*row + j*col. One of row and col is 1.
type matrix struct {
	t               accel.Tensor
	row, col, batch int
}

// product is c = alpha a b + beta c, for count matrices: a [m, k], b [k, n], c [m, n]. A single one with beta = 0 may have a bias [n]: + bias.
type product struct {
	m, n, k     int
	a, b, c     matrix
	bias        *accel.Tensor
	alpha, beta float32
	count       int
}

// tile is the side of the square of a result that a block has, and large that of the functions with _large: SIDE of tile.h.
const tile, large = 64, 128

// tiles queues a function that computes count matrices a square a block, in the device's precision: many squares along the side that may be
// long, which is block_x, and few along the other. Both sizes of square give the same bits.
func (l *launch) tiles(function string, long, short, count int, args ...any) error {
	side := tile
	if min(long, short) > tile && divide(long, large)*divide(short, large)*count >= l.dev.caps.Threads {
		side, function = large, function+"_large"
	}
	return l.run(l.product(function), grid{blocks: [3]int{divide(long, side), divide(short, side), count}, threads: [3]int{threads}}, args...)
}

// blas is a stream's cuBLAS, opened by its first product.
type blas struct {
	asked  bool
	handle *drv.BLAS // nil where cuBLAS is not installed
}

func (s *stream) cublas() (*drv.BLAS, error) {
	if s.blas.asked {
		return s.blas.handle, nil
	}
	err := s.dev.call(func() (err error) {
		s.blas.handle, err = drv.NewBLAS(s.queue)
		return err
	})
	if err != nil && !errors.Is(err, drv.ErrNoBLAS) {
		return nil, err
	}
	s.blas.asked = true
	return s.blas.handle, nil
}

func (b blas) close() {
	if b.handle != nil {
		_ = b.handle.Close()
	}
}

// product is the function of a product in the device's precision.
func (l *launch) product(function string) string {
	if l.dev.precision == BFloat16 {
		return function + "_bf16"
	}
	return function
}

// multiply queues p: cuBLAS where it is installed, else the kernel in gemm.cu.
func (l *launch) multiply(p product) error {
	if p.bias != nil && (p.beta != 0 || p.count != 1) {
		return fmt.Errorf("a product with a bias is a single one with beta = 0, not %d with beta = %g: spread the bias over c first", p.count, p.beta)
	}
	if handle, err := l.stream.cublas(); err != nil {
		return err
	} else if handle != nil && p.m*p.n*p.k*p.count > 0 {
		return l.multiplyBy(handle, p)
	}
	bias := any(none{})
	if p.bias != nil {
		bias = *p.bias
	}
	return l.tiles("gemm", p.m, p.n, p.count, p.c.t, p.a.t, p.b.t, bias, p.m, p.n, p.k, p.a.row, p.a.col, p.b.row, p.b.col, p.c.row,
		p.a.batch, p.b.batch, p.c.batch, p.alpha, p.beta)
}

// multiplyBy adds to a copy of the bias.
func (l *launch) multiplyBy(handle *drv.BLAS, p product) error {
	if p.bias != nil {
		if err := l.run("walked", each(p.m*p.n), append([]any{p.c.t, *p.bias, p.m * p.n}, walk{[]int{p.n, p.m}, []int{1, 0}}.args()...)...); err != nil {
			return err
		}
		p.beta = 1
	}
	for _, x := range []matrix{p.a, p.b, p.c} {
		if _, err := addressOf(x.t, accel.Float32); err != nil {
			return err
		}
	}
	in := drv.Float32
	if l.dev.precision == BFloat16 {
		in = drv.BFloat16
	}
	a, b, c := p.a.blas(p.m, p.k), p.b.blas(p.k, p.n), p.c.blas(p.m, p.n)
	l.stream.post(l.queued(), func() error {
		return handle.Gemm(in, p.m, p.n, p.k, p.alpha, a, b, p.beta, c, p.count)
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
