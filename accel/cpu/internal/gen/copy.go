package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// copies writes the copies of rows to packed panels, in octets of floats.
func copies() {
	TEXT("copyRowsAVX2", NOSPLIT, "func(k int, src *float32, rs int, dst *float32, ld, octets int)")
	Pragma("noescape")
	Doc("copyRowsAVX2 copies 8 octets floats, octets being 1 to 4, from src[q*rs] to dst[q*ld] for q < k.")
	k := Load(Param("k"), GP64())
	src := Load(Param("src"), GP64())
	rs := Load(Param("rs"), GP64())
	SHLQ(U8(2), rs)
	copyLoops(k, func() Register { return src }, func() { ADDQ(rs, src) })

	TEXT("copyTapsAVX2", NOSPLIT, "func(k int, src *float32, taps *int, dst *float32, ld, octets int)")
	Pragma("noescape")
	Doc("copyTapsAVX2 copies 8 octets floats, octets being 1 to 4, from src[taps[q]] to dst[q*ld] for q < k.")
	k = Load(Param("k"), GP64())
	src = Load(Param("src"), GP64())
	taps := Load(Param("taps"), GP64())
	row := GP64()
	copyLoops(k, func() Register {
		MOVQ(Mem{Base: taps}, row)
		LEAQ(Mem{Base: src, Index: row, Scale: 4}, row)
		return row
	}, func() { ADDQ(U8(8), taps) })
}

// copyLoops writes a loop for each number of octets.
func copyLoops(k Register, row func() Register, advance func()) {
	dst := Load(Param("dst"), GP64())
	ld := Load(Param("ld"), GP64())
	octets := Load(Param("octets"), GP64())
	SHLQ(U8(2), ld)
	for n := 4; n > 0; n-- {
		loop, next := "loop"+string(rune('0'+n)), "next"+string(rune('0'+n))
		if n > 1 {
			CMPQ(octets, U8(n))
			JNE(LabelRef(next))
		}
		Label(loop)
		from := row()
		for i := 0; i < n; i += 2 { // what the next panel copies
			PREFETCHT0(Mem{Base: from, Disp: 32 * (n + i)})
		}
		for i := range n {
			v := YMM()
			VMOVUPS(Mem{Base: from, Disp: 32 * i}, v)
			VMOVUPS(v, Mem{Base: dst, Disp: 32 * i})
		}
		advance()
		ADDQ(ld, dst)
		DECQ(k)
		JNZ(LabelRef(loop))
		VZEROUPPER()
		RET()
		if n > 1 {
			Label(next)
		}
	}
}
