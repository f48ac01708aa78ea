package linalg

import "math"

// Eigen are the eigenvectors of a symmetric matrix a [n, n] in float64, as the rows of z, and the eigenvalues in d, in no order. a is overwritten. Every
// product is rounded and every sum has its order, so the bits are the same on every machine.
//
// Householder's reflections make it tridiagonal, QL iterations with implicit shifts diagonal (Golub and Van Loan, 8.3).
func Eigen(a []float64, n int) (d []float64, z []float64) {
	d, e, z := tridiagonal(a, n)
	const limit = 60 // of iterations for a value, which takes 2 or 3; whatever comes out, z is orthogonal
	for l := range n {
		for range limit {
			m := l
			for m < n-1 && math.Abs(e[m]) > 0x1p-52*(math.Abs(d[m])+math.Abs(d[m+1])) {
				m++
			}
			if m == l {
				break
			}
			turn(z, n, m, qlStep(d, e, l, m))
		}
	}
	return d, z
}

// tridiagonal turns a into Q T Q^T: d is T's diagonal, e the one beside it, with a zero at the end, and z is Q^T.
func tridiagonal(a []float64, n int) (d, e, z []float64) {
	d, e, z = make([]float64, n), make([]float64, n), make([]float64, n*n)
	v, p := make([]float64, n*n), make([]float64, n)
	scales := make([]float64, n)
	for k := range max(0, n-2) {
		// v[k][k+1:] reflects column k below the diagonal onto its first element.
		vk := v[k*n : (k+1)*n]
		norm := 0.0
		for i := k + 1; i < n; i++ {
			vk[i] = a[i*n+k]
			norm += float64(vk[i] * vk[i])
		}
		norm = math.Sqrt(norm)
		e[k] = -math.Copysign(norm, vk[k+1])
		vk[k+1] -= e[k]
		square := Dot(vk[k+1:], vk[k+1:])
		if square == 0 {
			continue
		}
		scales[k] = 2 / square
		rows := n - k - 1
		Parallel(rows, func(r int) {
			i := k + 1 + r
			p[i] = float64(scales[k] * Dot(a[i*n+k+1:(i+1)*n], vk[k+1:]))
		})
		half := float64(scales[k] / 2 * Dot(p[k+1:], vk[k+1:]))
		for i := k + 1; i < n; i++ {
			p[i] -= float64(half * vk[i])
		}
		Parallel(rows, func(r int) {
			i := k + 1 + r
			row, x, y := a[i*n+k+1:(i+1)*n], vk[i], p[i]
			for j, q := range p[k+1:] {
				row[j] -= float64(x*q) + float64(y*vk[k+1+j])
			}
		})
	}
	for i := range n {
		d[i], z[i*n+i] = a[i*n+i], 1
	}
	if n > 1 {
		e[n-2] = a[(n-1)*n+n-2]
	}
	// z = H(n-3) ... H(0), built from the left end so that each reflection meets only the rows and columns that are not the identity's.
	for k := n - 3; k >= 0; k-- {
		vk := v[k*n+k+1 : (k+1)*n]
		Parallel(n-k-1, func(r int) {
			row := z[(k+1+r)*n+k+1 : (k+2+r)*n]
			f := float64(scales[k] * Dot(row, vk))
			for j, x := range vk {
				row[j] -= float64(f * x)
			}
		})
	}
	return d, e, z
}

// rotation turns two rows by the angle of sine s and cosine c.
type rotation struct{ s, c float64 }

// qlStep is one iteration on the block l..m of the tridiagonal matrix. It returns the rotations, of the rows m-1 and m first, then of m-2 and m-1
// and so on.
func qlStep(d, e []float64, l, m int) []rotation {
	turns := make([]rotation, 0, m-l)
	g := (d[l+1] - d[l]) / float64(2*e[l])
	r := math.Sqrt(float64(g*g) + 1)
	g = d[m] - d[l] + e[l]/(g+math.Copysign(r, g))
	s, c, p := 1.0, 1.0, 0.0
	for i := m - 1; i >= l; i-- {
		f, b := float64(s*e[i]), float64(c*e[i])
		r = math.Sqrt(float64(f*f) + float64(g*g))
		e[i+1] = r
		if r == 0 {
			d[i+1] -= p
			e[m] = 0
			return turns
		}
		s, c = f/r, g/r
		g = d[i+1] - p
		r = float64((d[i]-g)*s) + float64(float64(2*c)*b)
		p = float64(s * r)
		d[i+1] = g + p
		g = float64(c*r) - b
		turns = append(turns, rotation{s, c})
	}
	d[l] -= p
	e[l] = g
	e[m] = 0
	return turns
}

// turn applies the rotations to the rows of z from m upwards, by blocks of columns.
func turn(z []float64, n, m int, turns []rotation) {
	const width = 64
	Parallel((n+width-1)/width, func(block int) {
		from, to := block*width, min((block+1)*width, n)
		for k, t := range turns {
			i := m - 1 - k
			x, y := z[i*n+from:i*n+to], z[(i+1)*n+from:(i+1)*n+to]
			for j, u := range x {
				w := y[j]
				y[j] = float64(t.s*u) + float64(t.c*w)
				x[j] = float64(t.c*u) - float64(t.s*w)
			}
		}
	})
}

// Dot is the sum of x[i] y[i] over four lanes, lane i mod 4, then the lanes in pairs.
func Dot(x, y []float64) float64 {
	var a, b, c, d float64
	i := 0
	for ; i+4 <= len(x); i += 4 {
		a += float64(x[i] * y[i])
		b += float64(x[i+1] * y[i+1])
		c += float64(x[i+2] * y[i+2])
		d += float64(x[i+3] * y[i+3])
	}
	for ; i < len(x); i++ {
		a += float64(x[i] * y[i])
	}
	return (a + b) + (c + d)
}
