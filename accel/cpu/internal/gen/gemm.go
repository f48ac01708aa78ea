package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// gemm writes the GEMM micro-kernels: 8x32 for AVX-512 (16 accumulators, two vectors of B, one broadcast of A) and
// 6x16 for AVX2 (12 accumulators, the same); and for the edges of a matrix those with few rows and with one vector.
func gemm() {
	for _, l := range []struct {
		name      string
		rows, few int
		vector    vectorFunc
		size      int
	}{
		{"AVX512", 8, 4, ZMM, 64},
		{"AVX2", 6, 3, YMM, 32},
	} {
		microKernel("gemm"+l.name, l.rows, 2, l.vector, l.size)
		microKernel("gemmNarrow"+l.name, l.rows, 1, l.vector, l.size)
		microKernel("gemmFew"+l.name, l.few, 2, l.vector, l.size)
		microKernel("gemmFewNarrow"+l.name, l.few, 1, l.vector, l.size)
	}
}

// microKernel writes the kernel of a row of tiles of rows x vectors, each of size bytes. A packed row of b is two vectors even if the
// tile takes one.
func microKernel(name string, rows, vectors int, vector vectorFunc, size int) {
	TEXT(name, NOSPLIT, "func(k int, a *float32, rs, cs int, b, c *float32, ldc, acc, count int)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s adds a[%d x k] b[k x %d] to count tiles of c side by side, in order of k with FMA, starting from c if acc is not 0, else from 0.",
		name, rows, vectors*size/4),
		fmt.Sprintf("Element (i, p) of a is at a[i*rs+p*cs]; row p of tile t of b is at b[(t*k+p)*%d]; row i of the first tile is at c[i*ldc].", 2*size/4))
	rs := Load(Param("rs"), GP64())
	cs := Load(Param("cs"), GP64())
	b := Load(Param("b"), GP64())
	c := Load(Param("c"), GP64())
	ldc := Load(Param("ldc"), GP64())
	acc := Load(Param("acc"), GP64())
	count := Load(Param("count"), GP64())
	for _, r := range []Register{rs, cs, ldc} {
		SHLQ(U8(2), r)
	}
	k, a := GP64(), GP64()
	ar := rowAddresses(a, rs, rows)

	Label("tile")
	Load(Param("k"), k)
	Load(Param("a"), a)
	tile := loadTile(c, ldc, acc, rows, vectors, vector, size)
	prefetchTile(c, ldc, rows, vectors, size)
	TESTQ(k, k)
	JZ(LabelRef("store"))
	Label("loop")
	x := vector()
	var row []VecVirtual
	for j := range vectors {
		row = append(row, vector())
		VMOVUPS(Mem{Base: b, Disp: j * size}, row[j])
	}
	for i := range rows {
		VBROADCASTSS(ar[i], x)
		for j := range row {
			VFMADD231PS(row[j], x, tile[i*vectors+j])
		}
	}
	ADDQ(cs, a)
	ADDQ(U32(2*size), b)
	DECQ(k)
	JNZ(LabelRef("loop"))

	Label("store")
	p := GP64()
	MOVQ(c, p)
	for i := range rows {
		for j := range vectors {
			VMOVUPS(tile[i*vectors+j], Mem{Base: p, Disp: j * size})
		}
		ADDQ(ldc, p)
	}
	ADDQ(U32(vectors*size), c)
	DECQ(count)
	JNZ(LabelRef("tile"))
	VZEROUPPER()
	RET()
}

// prefetchTile asks for the tile behind c, the next one in the order of the product: its rows are too far apart for the processor to guess.
func prefetchTile(c, ldc Register, rows, vectors, size int) {
	p := GP64()
	LEAQ(Mem{Base: c, Disp: vectors * size}, p)
	for range rows {
		for at := 0; at < vectors*size; at += 64 {
			PREFETCHT0(Mem{Base: p, Disp: at})
		}
		ADDQ(ldc, p)
	}
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
func loadTile(c, ldc, acc Register, rows, vectors int, vector vectorFunc, size int) []VecVirtual {
	tile := make([]VecVirtual, vectors*rows)
	for i := range tile {
		tile[i] = vector()
		VXORPS(tile[i], tile[i], tile[i])
	}
	TESTQ(acc, acc)
	JZ(LabelRef("loaded"))
	p := GP64()
	MOVQ(c, p)
	for i := range rows {
		for j := range vectors {
			VMOVUPS(Mem{Base: p, Disp: j * size}, tile[i*vectors+j])
		}
		ADDQ(ldc, p)
	}
	Label("loaded")
	return tile
}
