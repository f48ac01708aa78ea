package linalg

import (
	"cmp"
	"math"
	"runtime"
	"slices"
	"testing"

	"github.com/pipe-ml/pipe/accel/rng"
)

// matrix is [rows, cols] of normal numbers with the given rank, columns of falling size.
func matrix(rows, cols, rank int) []float32 {
	r := rng.New(3, "matrix")
	out, size := make([]float32, rows*cols), 1.0
	for range rank {
		left := make([]float64, rows)
		for i := range left {
			left[i] = size * r.Norm()
		}
		for j := range cols {
			f := r.Norm()
			for i := range rows {
				out[i*cols+j] += float32(left[i] * f)
			}
		}
		size *= .75
	}
	return out
}

func TestSVDIsADecomposition(t *testing.T) {
	for _, c := range []struct{ rows, cols, rank int }{
		{1, 1, 1}, {1, 5, 1}, {5, 1, 1}, {2, 2, 2}, {3, 7, 3}, {7, 3, 3}, {17, 40, 17}, {40, 17, 17}, {33, 33, 33}, {20, 30, 4}, {6, 9, 0},
	} {
		w := matrix(c.rows, c.cols, c.rank)
		u, s, v := SVD(w, c.rows, c.cols)
		r := min(c.rows, c.cols)
		if !slices.IsSortedFunc(s, func(a, b float32) int { return cmp.Compare(b, a) }) {
			t.Errorf("%+v: singular values %v do not fall", c, s)
		}
		worst := 0.0
		for i := range c.rows {
			for j := range c.cols {
				sum := 0.0
				for k := range r {
					sum += float64(u[i*r+k]) * float64(s[k]) * float64(v[j*r+k])
				}
				worst = max(worst, math.Abs(sum-float64(w[i*c.cols+j])))
			}
		}
		if bound := 1e-6 * max(1, float64(s[0])); worst > bound {
			t.Errorf("%+v: u s v^T is off by %.2g", c, worst)
		}
		short, n := u, c.rows
		if c.rows > c.cols {
			short, n = v, c.cols
		}
		for a := range r {
			for b := range r {
				sum, want := 0.0, 0.0
				for i := range n {
					sum += float64(short[i*r+a]) * float64(short[i*r+b])
				}
				if a == b {
					want = 1
				}
				if math.Abs(sum-want) > 1e-6 {
					t.Errorf("%+v: vectors %d and %d have the product %v", c, a, b, sum)
				}
			}
		}
	}
}

// TestSVDHasTheSameBitsForAnyNumberOfThreads holds the bits that amd64 gave, too: other machines must give them.
func TestSVDHasTheSameBitsForAnyNumberOfThreads(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	w := matrix(24, 37, 24)
	u, s, v := SVD(w, 24, 37)
	runtime.GOMAXPROCS(3)
	u3, s3, v3 := SVD(w, 24, 37)
	if !slices.Equal(u, u3) || !slices.Equal(s, s3) || !slices.Equal(v, v3) {
		t.Error("1 and 3 threads differ")
	}
	sum := uint32(2166136261)
	for _, part := range [][]float32{u, s, v} {
		for _, x := range part {
			sum = (sum ^ math.Float32bits(x)) * 16777619
		}
	}
	if want := uint32(0x7abf391e); sum != want {
		t.Errorf("bits %#x, want %#x", sum, want)
	}
}
