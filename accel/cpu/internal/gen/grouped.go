package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// grouped writes the correlation of a group of few outputs: 16 sums for AVX-512 and 12 for AVX2, by 8 or 6 and by 4 outputs.
func grouped() {
	sweepTaps(avx512, 8, 2)
	sweepTaps(avx512, 4, 4)
	sweepTaps(avx2, 6, 2)
	sweepTaps(avx2, 4, 3)
}

func sweepTaps(l simd, rows, vectors int) {
	name := fmt.Sprintf("sweep%d%s", rows, l.suffix)
	TEXT(name, NOSPLIT, "func(n, k int, w, x *float32, taps *int, y *float32, ldy int, bias *float32)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s sets y[j*ldy+i] to bias[j] + the sum over p < k of w[%d*p+j] x[taps[p]+i], in order of p with FMA, for j < %d", name, rows, rows),
		fmt.Sprintf("and i < %d n.", vectors*l.size/4))
	n, k, w, x := Load(Param("n"), GP64()), Load(Param("k"), GP64()), Load(Param("w"), GP64()), Load(Param("x"), GP64())
	taps, y, ldy, bias := Load(Param("taps"), GP64()), Load(Param("y"), GP64()), Load(Param("ldy"), GP64()), Load(Param("bias"), GP64())
	SHLQ(U8(2), ldy)
	p, at, from := GP64(), GP64(), GP64()
	tile := make([]VecVirtual, rows*vectors)
	for i := range tile {
		tile[i] = l.vector()
	}
	met, f := make([]VecVirtual, vectors), l.vector()
	for i := range met {
		met[i] = l.vector()
	}
	Label("span")
	for i, v := range tile {
		VBROADCASTSS(Mem{Base: bias, Disp: 4 * (i / vectors)}, v)
	}
	MOVQ(w, from)
	XORQ(p, p)
	Label("loop")
	MOVQ(Mem{Base: taps, Index: p, Scale: 8}, at)
	LEAQ(Mem{Base: x, Index: at, Scale: 4}, at)
	for i, v := range met {
		VMOVUPS(Mem{Base: at, Disp: i * l.size}, v)
	}
	for j := range rows {
		VBROADCASTSS(Mem{Base: from, Disp: 4 * j}, f)
		for i, v := range met {
			VFMADD231PS(v, f, tile[j*vectors+i])
		}
	}
	ADDQ(U8(4*rows), from)
	INCQ(p)
	CMPQ(p, k)
	JL(LabelRef("loop"))
	MOVQ(y, at)
	for i, v := range tile {
		VMOVUPS(v, Mem{Base: at, Disp: i % vectors * l.size})
		if i%vectors == vectors-1 {
			ADDQ(ldy, at)
		}
	}
	ADDQ(U32(vectors*l.size), x)
	ADDQ(U32(vectors*l.size), y)
	DECQ(n)
	JNZ(LabelRef("span"))
	VZEROUPPER()
	RET()
}
