package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// stride writes the copies that split rows into even and odd elements and join them, eight at a time.
func stride() {
	TEXT("thinAVX2", NOSPLIT, "func(rows, n int, y *float32, ld int, x *float32, rs int)")
	Pragma("noescape")
	Doc("thinAVX2 sets y[r*ld+i] to x[r*rs+2i] for r < rows and i < n, 4 at least. It reads 2n elements of a row.")
	y, ld := Load(Param("y"), GP64()), Load(Param("ld"), GP64())
	x, rs := Load(Param("x"), GP64()), Load(Param("rs"), GP64())
	SHLQ(U8(2), ld)
	SHLQ(U8(2), rs)
	octets(func(i Register, v vectorFunc, size int) {
		a, b := v(), v()
		VMOVUPS(Mem{Base: x, Index: i, Scale: 8}, a)
		VMOVUPS(Mem{Base: x, Index: i, Scale: 8, Disp: size}, b)
		VSHUFPS(U8(0x88), b, a, a) // even elements of both, by 128-bit lanes: a b a b
		if size == 32 {
			VPERMPD(U8(0xD8), a, a)
		}
		VMOVUPS(a, Mem{Base: y, Index: i, Scale: 4})
	}, func() {
		ADDQ(rs, x)
		ADDQ(ld, y)
	})

	TEXT("zipAVX2", NOSPLIT, "func(rows, n int, y *float32, ld int, a *float32, as int, b *float32, bs int)")
	Pragma("noescape")
	Doc("zipAVX2 sets y[r*ld+2i] to a[r*as+i] and y[r*ld+2i+1] to b[r*bs+i] for r < rows and i < n, 4 at least.")
	y, ld = Load(Param("y"), GP64()), Load(Param("ld"), GP64())
	even, evens := Load(Param("a"), GP64()), Load(Param("as"), GP64())
	odd, odds := Load(Param("b"), GP64()), Load(Param("bs"), GP64())
	for _, r := range []Register{ld, evens, odds} {
		SHLQ(U8(2), r)
	}
	octets(func(i Register, v vectorFunc, size int) {
		a, b, lo, hi := v(), v(), v(), v()
		VMOVUPS(Mem{Base: even, Index: i, Scale: 4}, a)
		VMOVUPS(Mem{Base: odd, Index: i, Scale: 4}, b)
		VUNPCKLPS(b, a, lo) // pairs 0, 1 and 4, 5
		VUNPCKHPS(b, a, hi) // pairs 2, 3 and 6, 7
		if size == 32 {
			VPERM2F128(U8(0x20), hi, lo, a)
			VPERM2F128(U8(0x31), hi, lo, b)
			lo, hi = a, b
		}
		VMOVUPS(lo, Mem{Base: y, Index: i, Scale: 8})
		VMOVUPS(hi, Mem{Base: y, Index: i, Scale: 8, Disp: size})
	}, func() {
		ADDQ(evens, even)
		ADDQ(odds, odd)
		ADDQ(ld, y)
	})
}

// octets writes a loop over rows and, in each, over its n elements by eight, of which the last may overlap those before; rows of fewer
// than eight are two fours.
func octets(step func(i Register, v vectorFunc, size int), advance func()) {
	rows, n := Load(Param("rows"), GP64()), Load(Param("n"), GP64())
	i := GP64()
	Label("row")
	XORQ(i, i)
	CMPQ(n, U8(8))
	JLT(LabelRef("few"))
	last := GP64()
	LEAQ(Mem{Base: n, Disp: -8}, last)
	Label("loop")
	step(i, YMM, 32)
	ADDQ(U8(8), i)
	CMPQ(i, last)
	JLE(LabelRef("loop"))
	CMPQ(i, n)
	JEQ(LabelRef("next"))
	step(last, YMM, 32)
	JMP(LabelRef("next"))

	Label("few")
	step(i, XMM, 16)
	LEAQ(Mem{Base: n, Disp: -4}, i)
	step(i, XMM, 16)

	Label("next")
	advance()
	DECQ(rows)
	JNZ(LabelRef("row"))
	VZEROUPPER()
	RET()
}
