package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// gemm writes the GEMM micro-kernels: 8x32 for AVX-512 (16 accumulators, two vectors of B, one broadcast of A) and
// 6x16 for AVX2 (12 accumulators, the same).
func gemm() {
	microKernel("gemmAVX512", 8, ZMM, 64)
	microKernel("gemmAVX2", 6, YMM, 32)
}

// microKernel writes the kernel of one tile of rows x 2 vectors of size bytes.
func microKernel(name string, rows int, vector vectorFunc, size int) {
	TEXT(name, NOSPLIT, "func(k int, a *float32, rs, cs int, b, c *float32, ldc, acc int)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s adds a[%d x k] b[k x %d] to the tile c, in order of k with FMA, starting from c if acc is not 0, else from 0.",
		name, rows, 2*size/4),
		"Element (i, p) of a is at a[i*rs+p*cs]; b is packed; row i of the tile is at c[i*ldc].")
	k := Load(Param("k"), GP64())
	a := Load(Param("a"), GP64())
	rs := Load(Param("rs"), GP64())
	cs := Load(Param("cs"), GP64())
	b := Load(Param("b"), GP64())
	c := Load(Param("c"), GP64())
	ldc := Load(Param("ldc"), GP64())
	acc := Load(Param("acc"), GP64())
	for _, r := range []Register{rs, cs, ldc} {
		SHLQ(U8(2), r)
	}
	ar := rowAddresses(a, rs, rows)
	tile := loadTile(c, ldc, acc, rows, vector, size)

	TESTQ(k, k)
	JZ(LabelRef("store"))
	Label("loop")
	b0, b1, x := vector(), vector(), vector()
	VMOVUPS(Mem{Base: b}, b0)
	VMOVUPS(Mem{Base: b, Disp: size}, b1)
	for i := range rows {
		VBROADCASTSS(ar[i], x)
		VFMADD231PS(b0, x, tile[2*i])
		VFMADD231PS(b1, x, tile[2*i+1])
	}
	ADDQ(cs, a)
	ADDQ(U32(2*size), b)
	DECQ(k)
	JNZ(LabelRef("loop"))

	Label("store")
	for i := range rows {
		VMOVUPS(tile[2*i], Mem{Base: c})
		VMOVUPS(tile[2*i+1], Mem{Base: c, Disp: size})
		ADDQ(ldc, c)
	}
	VZEROUPPER()
	RET()
}

// rowAddresses returns the addresses of rows 0..n-1 of a matrix with rs bytes between rows.
func rowAddresses(base, rs Register, n int) []Mem {
	rows := []Mem{{Base: base}, {Base: base, Index: rs, Scale: 1}, {Base: base, Index: rs, Scale: 2}}
	r3 := GP64()
	LEAQ(Mem{Base: rs, Index: rs, Scale: 2}, r3)
	r5 := GP64()
	LEAQ(Mem{Base: rs, Index: rs, Scale: 4}, r5)
	rows = append(rows, Mem{Base: base, Index: r3, Scale: 1}, Mem{Base: base, Index: rs, Scale: 4}, Mem{Base: base, Index: r5, Scale: 1})
	if n > 6 {
		r7 := GP64()
		LEAQ(Mem{Base: r3, Index: rs, Scale: 4}, r7)
		rows = append(rows, Mem{Base: base, Index: r3, Scale: 2}, Mem{Base: base, Index: r7, Scale: 1})
	}
	return rows[:n]
}

// loadTile returns the accumulators: the tile at c, or zeros if acc is 0.
func loadTile(c, ldc, acc Register, rows int, vector vectorFunc, size int) []VecVirtual {
	tile := make([]VecVirtual, 2*rows)
	for i := range tile {
		tile[i] = vector()
		VXORPS(tile[i], tile[i], tile[i])
	}
	TESTQ(acc, acc)
	JZ(LabelRef("loaded"))
	p := GP64()
	MOVQ(c, p)
	for i := range rows {
		VMOVUPS(Mem{Base: p}, tile[2*i])
		VMOVUPS(Mem{Base: p, Disp: size}, tile[2*i+1])
		ADDQ(ldc, p)
	}
	Label("loaded")
	return tile
}
