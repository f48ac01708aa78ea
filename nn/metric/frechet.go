package metric

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
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
	if slices.Equal(m1, m2) && mat.Equal(c1, c2) {
		return 0, nil
	}
	sum := 0.0
	for i := range m1 {
		sum += float64((m1[i] - m2[i]) * (m1[i] - m2[i]))
	}
	root, err := sqrtSym(c1)
	if err != nil {
		return 0, err
	}
	var left, product mat.Dense
	left.Mul(root, c2)
	product.Mul(&left, root)
	var eig mat.EigenSym
	if !eig.Factorize(symmetrise(&product), false) {
		return 0, fmt.Errorf("fid: the eigenvalues of the covariance product did not converge")
	}
	cross := 0.0
	for _, v := range eig.Values(nil) {
		cross += math.Sqrt(max(v, 0))
	}
	return max(0, sum+mat.Trace(c1)+mat.Trace(c2)-2*cross), nil
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

// moments are the mean [d] and the unbiased covariance [d,d] of the rows.
func moments(rows [][]float64) ([]float64, *mat.SymDense) {
	rows = sortRows(rows)
	d := len(rows[0])
	mean := make([]float64, d)
	for _, r := range rows {
		for j, v := range r {
			mean[j] += v
		}
	}
	for j := range mean {
		mean[j] /= float64(len(rows))
	}
	cov := mat.NewSymDense(d, nil)
	centred := make([]float64, d)
	for _, r := range rows {
		for j, v := range r {
			centred[j] = v - mean[j]
		}
		cov.SymRankOne(cov, 1, mat.NewVecDense(d, centred))
	}
	cov.ScaleSym(1/float64(len(rows)-1), cov)
	return mean, cov
}

func sqrtSym(c *mat.SymDense) (*mat.Dense, error) {
	var eig mat.EigenSym
	if !eig.Factorize(c, true) {
		return nil, fmt.Errorf("fid: the eigenvalues of a covariance did not converge")
	}
	d := c.SymmetricDim()
	var vectors, scaled, root mat.Dense
	eig.VectorsTo(&vectors)
	scaled.CloneFrom(&vectors)
	for j, v := range eig.Values(nil) {
		s := math.Sqrt(max(v, 0))
		for i := range d {
			scaled.Set(i, j, scaled.At(i, j)*s)
		}
	}
	root.Mul(&scaled, vectors.T())
	return &root, nil
}

func symmetrise(m *mat.Dense) *mat.SymDense {
	d, _ := m.Dims()
	s := mat.NewSymDense(d, nil)
	for i := range d {
		for j := i; j < d; j++ {
			s.SetSym(i, j, (m.At(i, j)+m.At(j, i))/2)
		}
	}
	return s
}
