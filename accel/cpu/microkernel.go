package cpu

import "unsafe"

//go:generate go run ./internal/gen gemm
//go:generate go run ./internal/gen pack
//go:generate go run ./internal/gen depthwise

// microKernel is the matrix code of one level. All levels compute each element of a product by the same sequence of fused
// multiply-adds, in order of k, so the shape of the tile never shows in a result.
type microKernel struct {
	mr, nr int // rows and columns of a tile

	// run adds a [mr x k] b [k x nr] to the tile at c, whose rows are ldc apart, starting from c if acc is not 0, else from 0. Element
	// (i, p) of a is at a[i*rs+p*cs]; b is a packed panel.
	run func(k int, a *float32, rs, cs int, b, c *float32, ldc, acc int)

	// transpose copies lanes*n floats of each of lanes rows, which begin at src[rows[i]], to the columns of dst.
	lanes     int
	transpose func(n int, src *float32, rows *int, dst *float32, ld int)

	// correlate sets y[i] to bias + the sum over p < k of w[p] x[taps[p]+i], in order of p with FMA, for span*n elements.
	span      int
	correlate func(n int, y, x *float32, k int, w *float32, taps *int, bias float32)
}

const (
	maxMR    = 8
	maxNR    = 32
	maxLanes = 16
	maxSpan  = 64
)

// microKernels holds the code of each level; an architecture's file adds its own in init.
var microKernels = [levelAVX512 + 1]*microKernel{
	levelGo: {mr: 4, nr: 8, run: gemmGo, lanes: 4, transpose: transposeGo, span: 8, correlate: correlateGo},
}

// gemmGo is microKernel.run for tiles of 4 x 8.
func gemmGo(k int, a *float32, rs, cs int, b, c *float32, ldc, acc int) {
	const mr, nr = 4, 8
	for i := range mr {
		row := unsafe.Slice(offset(c, i*ldc), nr)
		if acc == 0 {
			clear(row)
		}
		for p := range k {
			x := *offset(a, i*rs+p*cs)
			for j, y := range unsafe.Slice(offset(b, p*nr), nr) {
				row[j] = fma32(x, y, row[j])
			}
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

// offset is the address of p[i].
func offset(p *float32, i int) *float32 {
	return (*float32)(unsafe.Add(unsafe.Pointer(p), i*4))
}
