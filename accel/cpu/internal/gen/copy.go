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

	copyPieces()
}

// copyPieces writes the copy of up to four pieces of each row.
func copyPieces() {
	const most, field = 4, 8
	TEXT("copyPiecesAVX512", NOSPLIT, "func(k int, src *float32, taps *int, dst *float32, ld int, pieces *int, count int)")
	Pragma("noescape")
	Doc("copyPiecesAVX512 copies count pieces, 1 to 4, of up to 16 floats from src[taps[q]+from] to dst[q*ld+to] for q < k.",
		"A piece is from, to and a mask of its floats; 16 floats are read.")
	k := Load(Param("k"), GP64())
	src := Load(Param("src"), GP64())
	taps := Load(Param("taps"), GP64())
	dst := Load(Param("dst"), GP64())
	ld := Load(Param("ld"), GP64())
	SHLQ(U8(2), ld)
	pieces := Load(Param("pieces"), GP64())
	from, to := []Mem{{}}, []Mem{{Base: dst}} // the first piece is at src and dst
	row := GP64()
	at := func(i, f int) Mem { return Mem{Base: pieces, Disp: (3*i + f) * field} }
	var masks []Register
	for i := range most {
		masks = append(masks, K())
		MOVQ(at(i, 2), row)
		KMOVW(row.As32(), masks[i])
	}
	for i := 1; i < most; i++ {
		x, y := GP64(), GP64()
		MOVQ(at(i, 0), x)
		SUBQ(at(0, 0), x)
		MOVQ(at(i, 1), y)
		SUBQ(at(0, 1), y)
		from, to = append(from, Mem{Base: row, Index: x, Scale: 4}), append(to, Mem{Base: dst, Index: y, Scale: 4})
	}
	from[0] = Mem{Base: row}
	MOVQ(at(0, 0), row)
	LEAQ(Mem{Base: src, Index: row, Scale: 4}, src)
	MOVQ(at(0, 1), row)
	LEAQ(Mem{Base: dst, Index: row, Scale: 4}, dst)
	MOVQ(NewParamAddr("count", 48), pieces)
	for n := most; n > 0; n-- {
		loop, next := "loop"+string(rune('0'+n)), "next"+string(rune('0'+n))
		if n > 1 {
			CMPQ(pieces, U8(n))
			JNE(LabelRef(next))
		}
		Label(loop)
		MOVQ(Mem{Base: taps}, row)
		LEAQ(Mem{Base: src, Index: row, Scale: 4}, row)
		for i := range n {
			v := ZMM()
			VMOVUPS(from[i], v)
			VMOVUPS(v, masks[i], to[i])
		}
		ADDQ(U8(8), taps)
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
