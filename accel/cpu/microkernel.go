package cpu

import (
	"math"
	"unsafe"
)

//go:generate go run ./internal/gen gemm
//go:generate go run ./internal/gen copy
//go:generate go run ./internal/gen pack
//go:generate go run ./internal/gen depthwise
//go:generate go run ./internal/gen stride

// microKernel is the matrix code of one level. All levels compute each element of a product by the same sequence of fused
// multiply-adds, in order of k, so the shape of the tile never shows in a result.
type microKernel struct {
	mr, nr      int // rows and columns of a tile
	few, narrow int // those of the smaller tiles for the edges of a matrix; 0 if there are none

	// tiles[i][j] adds a [mr x k] b [k x nr] to the tile at c, whose rows are ldc apart, starting from c if acc is not 0, else from 0, and so on
	// for count tiles side by side. Element (i, p) of a is at a[i*rs+p*cs]; b is as many packed panels. The tiles have few rows if i is 1, and
	// are narrow if j is 1.
	tiles [2][2]func(k int, a *float32, rs, cs int, b, c *float32, ldc, acc, count int)

	// transpose copies lanes*n floats of each of lanes rows, which begin at src[rows[i]], to the columns of dst.
	lanes     int
	transpose func(n int, src *float32, rows *int, dst *float32, ld int)

	// correlate sets y[i] to bias + the sum over p < k of w[p] x[taps[p]+i], in order of p with FMA, for span*n elements.
	span      int
	correlate func(n int, y, x *float32, k int, w *float32, taps *int, bias float32)

	// dotTaps adds x[taps[t]+r*ldx+i] dy[r*ldy+i] to lane i < 16 of sum t < 4 at acc, for r < n, in order with FMA. nil means plain Go.
	dotTaps func(n int, acc, x *float32, ldx int, taps *int, dy *float32, ldy int)

	// copyRows and copyTaps copy 8 octets floats, octets being 1 to 4, from src[q*rs] or src[taps[q]] to dst[q*ld], for q < k; k is not 0.
	copyRows func(k int, src *float32, rs int, dst *float32, ld, octets int)
	copyTaps func(k int, src *float32, taps *int, dst *float32, ld, octets int)

	// copyPieces copies count pieces, 1 to 4, of up to 16 floats from src[taps[q]+from] to dst[q*ld+to], for q < k, where pieces lists from,
	// to and the mask of each. It reads 16 floats a piece. A nil entry means copyTaps.
	copyPieces func(k int, src *float32, taps *int, dst *float32, ld int, pieces *int, count int)

	// thin sets y[r*ld+i] to x[r*rs+2i], zip y[r*ld+2i] to a[r*as+i] and y[r*ld+2i+1] to b[r*bs+i], for r < rows and i < n, 4 at
	// least. thin reads 2n elements of a row. A nil entry means plain Go.
	thin func(rows, n int, y *float32, ld int, x *float32, rs int)
	zip  func(rows, n int, y *float32, ld int, a *float32, as int, b *float32, bs int)
}

// tile returns the kernel for a tile of m x n, and the size of its tile.
func (u *microKernel) tile(m, n int) (run func(k int, a *float32, rs, cs int, b, c *float32, ldc, acc, count int), mr, nr int) {
	i, j, mr, nr := 0, 0, u.rows(m), u.nr
	if mr == u.few {
		i = 1
	}
	if n <= u.narrow {
		j, nr = 1, u.narrow
	}
	return u.tiles[i][j], mr, nr
}

// columns is how many of n columns are computed in one go, with a row of tiles that has mr rows: whole tiles, or one that is not.
func (u *microKernel) columns(mr, n int) int {
	switch {
	case n < u.nr:
		return n
	case mr < u.rows(mr):
		return u.nr
	}
	return n / u.nr * u.nr
}

// rows is the number of rows of the kernel for a tile of m rows.
func (u *microKernel) rows(m int) int {
	if m <= u.few {
		return u.few
	}
	return u.mr
}

const (
	maxMR    = 8
	maxNR    = 32
	maxLanes = 16
	maxSpan  = 64

	pieceCount  = 4 // of copyPieces
	pieceFloats = 16
)

// microKernels holds the code of each level; an architecture's file adds its own in init.
var microKernels = [levelAVX512 + 1]*microKernel{levelGo: {
	mr: 4, nr: 8, lanes: 4, span: 8,
	tiles:     [2][2]func(k int, a *float32, rs, cs int, b, c *float32, ldc, acc, count int){{gemmGo}},
	transpose: transposeGo, correlate: correlateGo, copyRows: copyRowsGo, copyTaps: copyTapsGo,
}}

// gemmGo is microKernel.tiles for tiles of 4 x 8: four elements of a row at a time, so that they stay in registers.
func gemmGo(k int, a *float32, rs, cs int, b, c *float32, ldc, acc, count int) {
	const mr, nr, four = 4, 8, 4
	for i := range mr {
		for j := 0; j < nr*count; j += four {
			panel := offset(b, j/nr*k*nr+j%nr)
			row := (*[four]float32)(unsafe.Pointer(offset(c, i*ldc+j)))
			if acc == 0 {
				clear(row[:])
			}
			z0, z1, z2, z3 := row[0], row[1], row[2], row[3]
			for p := range k {
				x := *offset(a, i*rs+p*cs)
				y := (*[four]float32)(unsafe.Pointer(offset(panel, p*nr)))
				// fma32 but for its rare case, written out: a call costs as much as the rest.
				wide := float64(x)
				s0, s1 := float64(wide*float64(y[0]))+float64(z0), float64(wide*float64(y[1]))+float64(z1)
				s2, s3 := float64(wide*float64(y[2]))+float64(z2), float64(wide*float64(y[3]))+float64(z3)
				if math.Float64bits(s0)&halfWay == 0 || math.Float64bits(s1)&halfWay == 0 ||
					math.Float64bits(s2)&halfWay == 0 || math.Float64bits(s3)&halfWay == 0 {
					z0, z1, z2, z3 = fma32(x, y[0], z0), fma32(x, y[1], z1), fma32(x, y[2], z2), fma32(x, y[3], z3)
					continue
				}
				z0, z1, z2, z3 = float32(s0), float32(s1), float32(s2), float32(s3)
			}
			row[0], row[1], row[2], row[3] = z0, z1, z2, z3
		}
	}
}

// transposeGo is microKernel.transpose for blocks of 4 x 4.
func transposeGo(n int, src *float32, rows *int, dst *float32, ld int) {
	const lanes = 4
	for i, row := range unsafe.Slice(rows, lanes) {
		for p, x := range unsafe.Slice(offset(src, row), lanes*n) {
			*offset(dst, p*ld+i) = x
		}
	}
}

// correlateGo is microKernel.correlate.
func correlateGo(n int, y, x *float32, k int, w *float32, taps *int, bias float32) {
	weights, at := unsafe.Slice(w, k), unsafe.Slice(taps, k)
	for i := range 8 * n {
		s := bias
		for p, f := range weights {
			s = fma32(f, *offset(x, at[p]+i), s)
		}
		*offset(y, i) = s
	}
}

// copyRowsGo is microKernel.copyRows.
func copyRowsGo(k int, src *float32, rs int, dst *float32, ld, octets int) {
	for q := range k {
		copy(unsafe.Slice(offset(dst, q*ld), 8*octets), unsafe.Slice(offset(src, q*rs), 8*octets))
	}
}

// copyTapsGo is microKernel.copyTaps.
func copyTapsGo(k int, src *float32, taps *int, dst *float32, ld, octets int) {
	for q, tap := range unsafe.Slice(taps, k) {
		copy(unsafe.Slice(offset(dst, q*ld), 8*octets), unsafe.Slice(offset(src, tap), 8*octets))
	}
}

// offset is the address of p[i].
func offset(p *float32, i int) *float32 {
	return (*float32)(unsafe.Add(unsafe.Pointer(p), i*4))
}
