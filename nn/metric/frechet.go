package metric

import (
	"fmt"
	"math"
	"slices"

	"github.com/pipe-ml/pipe/nn/linalg"
)

// FID is the Fréchet distance between Gaussians fitted to two sets of features [n][d] (Heusel et al. 2017):
//
//	|m1 - m2|^2 + tr(C1 + C2 - 2 (C1^1/2 C2 C1^1/2)^1/2)
//
// The square roots are of symmetric positive semi-definite matrices, by eigendecomposition, so no complex
// arithmetic and no jitter are needed when n <= d. Rows are sorted first: the order in which a set was
// generated does not matter, and the distance of a set to itself is exactly 0.
func FID(a, b [][]float64) (float64, error) {
	if err := checkFeatures(a, b); err != nil {
		return 0, err
	}
	m1, c1 := moments(a)
	m2, c2 := moments(b)
	if slices.Equal(m1, m2) && slices.Equal(c1, c2) {
		return 0, nil
	}
	d := len(m1)
	sum := 0.0
	for i := range m1 {
		sum += float64((m1[i]-m2[i])*(m1[i]-m2[i])) + c1[i*d+i] + c2[i*d+i]
	}
	root := sqrtSym(c1, d)
	values, _ := linalg.Eigen(symmetrise(product(product(root, c2, d), root, d), d), d)
	slices.Sort(values)
	cross := 0.0
	for _, v := range values {
		cross += math.Sqrt(max(v, 0))
	}
	return max(0, sum-2*cross), nil
}

// KID is the unbiased squared maximum mean discrepancy with the kernel (x.y/d + 1)^3 (Bińkowski et al. 2018),
// over the whole sets rather than random blocks, so that it needs no seed. It may be slightly negative.
func KID(a, b [][]float64) (float64, error) {
	if err := checkFeatures(a, b); err != nil {
		return 0, err
	}
	a, b = sortRows(a), sortRows(b)
	na, nb := float64(len(a)), float64(len(b))
	within := func(x [][]float64) float64 {
		sum := 0.0
		for i := range x {
			for j := range i {
				sum += polynomialKernel(x[i], x[j])
			}
		}
		return 2 * sum
	}
	between := 0.0
	for _, x := range a {
		for _, y := range b {
			between += polynomialKernel(x, y)
		}
	}
	return within(a)/(na*(na-1)) + within(b)/(nb*(nb-1)) - 2*between/(na*nb), nil
}

func polynomialKernel(x, y []float64) float64 {
	dot := 0.0
	for i := range x {
		dot += float64(x[i] * y[i])
	}
	v := dot/float64(len(x)) + 1
	return float64(v * v * v)
}

func checkFeatures(a, b [][]float64) error {
	if len(a) < 2 || len(b) < 2 {
		return fmt.Errorf("need at least 2 images on each side, have %d and %d", len(a), len(b))
	}
	for _, set := range [][][]float64{a, b} {
		for i, row := range set {
			if len(row) != len(a[0]) {
				return fmt.Errorf("feature row %d has %d values, want %d: both sides need the same extractor", i, len(row), len(a[0]))
			}
			for _, v := range row {
				if math.IsNaN(v) || math.IsInf(v, 0) {
					return fmt.Errorf("feature row %d is not finite", i)
				}
			}
		}
	}
	return nil
}

func sortRows(x [][]float64) [][]float64 {
	x = slices.Clone(x)
	slices.SortStableFunc(x, slices.Compare[[]float64])
	return x
}

// moments are the mean [d] and the unbiased covariance [d, d] of the rows.
func moments(rows [][]float64) (mean, cov []float64) {
	rows = sortRows(rows)
	d := len(rows[0])
	mean, cov = make([]float64, d), make([]float64, d*d)
	for _, r := range rows {
		for j, v := range r {
			mean[j] += v
		}
	}
	for j := range mean {
		mean[j] /= float64(len(rows))
	}
	columns := make([]float64, d*len(rows)) // centred, a feature a row
	for i, r := range rows {
		for j, v := range r {
			columns[j*len(rows)+i] = v - mean[j]
		}
	}
	column := func(j int) []float64 { return columns[j*len(rows) : (j+1)*len(rows)] }
	linalg.Parallel(d, func(i int) {
		for j := range i + 1 {
			cov[i*d+j] = linalg.Dot(column(i), column(j)) / float64(len(rows)-1)
		}
	})
	for i := range d {
		for j := range i {
			cov[j*d+i] = cov[i*d+j]
		}
	}
	return mean, cov
}

// sqrtSym is the square root of a positive semi-definite c [d, d]: the sum of root(value) z z^T over its eigenvectors.
func sqrtSym(c []float64, d int) []float64 {
	values, z := linalg.Eigen(slices.Clone(c), d)
	left := make([]float64, d*d) // the transpose of z, scaled, and that of z: rows are elements
	right := make([]float64, d*d)
	for k, v := range values {
		s := math.Sqrt(max(v, 0))
		for i, x := range z[k*d : (k+1)*d] {
			left[i*d+k], right[i*d+k] = s*x, x
		}
	}
	return product(left, right, d)
}

// product is a b^T of [d, d] matrices; of a symmetric b, a b.
func product(a, b []float64, d int) []float64 {
	out := make([]float64, d*d)
	linalg.Parallel(d, func(i int) {
		for j := range d {
			out[i*d+j] = linalg.Dot(a[i*d:(i+1)*d], b[j*d:(j+1)*d])
		}
	})
	return out
}

func symmetrise(m []float64, d int) []float64 {
	for i := range d {
		for j := range i {
			mean := (m[i*d+j] + m[j*d+i]) / 2
			m[i*d+j], m[j*d+i] = mean, mean
		}
	}
	return m
}
