package linalg

import (
	"math"
	"runtime"
	"slices"
	"sync"
)

// SVD is w [rows, cols] = u diag(s) v^T with r = min(rows, cols): u [rows, r], v [cols, r], s [r] descending, by the Eigen of the smaller
// one of w w^T and w^T w. On the smaller side the vectors are orthonormal; on the larger one they are w's products with these, so
// that u diag(s) v^T is w whatever the spacing of s. A vector to a singular value of 0 is 0 there. The bits are the same on every machine and
// for any number of threads.
func SVD(w []float32, rows, cols int) (u, s, v []float32) {
	x := make([]float64, len(w)) // the smaller side first
	for i, f := range w {
		if rows <= cols {
			x[i] = float64(f)
		} else {
			x[i%cols*rows+i/cols] = float64(f)
		}
	}
	r, long := min(rows, cols), max(rows, cols)
	gram := make([]float64, r*r)
	Parallel(r, func(i int) {
		for j := range r {
			gram[i*r+j] = Dot(x[i*long:(i+1)*long], x[j*long:(j+1)*long])
		}
	})
	_, z := Eigen(gram, r)
	// Row k of y is s[k] times the long side's vector.
	y, norms := make([]float64, r*long), make([]float64, r)
	Parallel(r, func(k int) {
		row := y[k*long : (k+1)*long]
		for i := range r {
			f := z[k*r+i]
			for j, v := range x[i*long : (i+1)*long] {
				row[j] += float64(f * v)
			}
		}
		norms[k] = math.Sqrt(Dot(row, row))
	})
	order := make([]int, r)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case norms[a] > norms[b]:
			return -1
		case norms[a] < norms[b]:
			return 1
		}
		return 0
	})
	short, far := make([]float32, r*r), make([]float32, long*r)
	s = make([]float32, r)
	for k, from := range order {
		s[k] = float32(norms[from])
		for i := range r {
			short[i*r+k] = float32(z[from*r+i])
		}
		if norms[from] > 0 {
			for j := range long {
				far[j*r+k] = float32(y[from*long+j] / norms[from])
			}
		}
	}
	if rows <= cols {
		return short, s, far
	}
	return far, s, short
}

// Parallel calls f for 0 to n-1 on all processors.
func Parallel(n int, f func(i int)) {
	workers := min(n, runtime.GOMAXPROCS(0))
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < n; i += workers {
				f(i)
			}
		})
	}
	wg.Wait()
}
