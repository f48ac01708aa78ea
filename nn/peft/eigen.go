package peft

import "math"

// eigenvectors are those of a symmetric matrix a [n, n] in float64, as the rows of z, and the eigenvalues in d, in no order. a is overwritten. Every
// product is rounded and every sum has its order, so the bits are the same on every machine.
//
// Householder's reflections make it tridiagonal, QL iterations with implicit shifts diagonal (Golub and Van Loan, 8.3).
func eigenvectors(a []float64, n int) (d []float64, z []float64) {
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
			qlStep(d, e, z, n, l, m)
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
		square := dot(vk[k+1:], vk[k+1:])
		if square == 0 {
			continue
		}
		scales[k] = 2 / square
		for i := k + 1; i < n; i++ {
			p[i] = float64(scales[k] * dot(a[i*n+k+1:(i+1)*n], vk[k+1:]))
		}
		half := float64(scales[k] / 2 * dot(p[k+1:], vk[k+1:]))
		for i := k + 1; i < n; i++ {
			p[i] -= float64(half * vk[i])
		}
		for i := k + 1; i < n; i++ {
			row, x, y := a[i*n:(i+1)*n], vk[i], p[i]
			for j := k + 1; j < n; j++ {
				row[j] -= float64(x*p[j]) + float64(y*vk[j])
			}
		}
	}
	for i := range n {
		d[i], z[i*n+i] = a[i*n+i], 1
	}
	if n > 1 {
		e[n-2] = a[(n-1)*n+n-2]
	}
	// z = H(n-3) ... H(0), built from the left end so that each reflection meets only the rows and columns that are not the identity's.
	for k := n - 3; k >= 0; k-- {
		vk := v[k*n : (k+1)*n]
		for i := k + 1; i < n; i++ {
			row := z[i*n : (i+1)*n]
			f := float64(scales[k] * dot(row[k+1:], vk[k+1:]))
			for j := k + 1; j < n; j++ {
				row[j] -= float64(f * vk[j])
			}
		}
	}
	return d, e, z
}

// qlStep is one iteration on the block l..m of the tridiagonal matrix; its rotations turn the rows of z.
func qlStep(d, e, z []float64, n, l, m int) {
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
			return
		}
		s, c = f/r, g/r
		g = d[i+1] - p
		r = float64((d[i]-g)*s) + float64(float64(2*c)*b)
		p = float64(s * r)
		d[i+1] = g + p
		g = float64(c*r) - b
		x, y := z[i*n:(i+1)*n], z[(i+1)*n:(i+2)*n]
		for k, u := range x {
			w := y[k]
			y[k] = float64(s*u) + float64(c*w)
			x[k] = float64(c*u) - float64(s*w)
		}
	}
	d[l] -= p
	e[l] = g
	e[m] = 0
}

// dot is the sum of x[i] y[i] over four lanes, lane i mod 4, then the lanes in pairs.
func dot(x, y []float64) float64 {
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
