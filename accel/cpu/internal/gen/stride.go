package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

// stride writes the copies that split rows into even and odd elements and join them, eight at a time.
func stride() {
	TEXT("thinAVX2", NOSPLIT, "func(n int, y, x *float32)")
	Pragma("noescape")
	Doc("thinAVX2 sets y[i] to x[2i] for i < n, a positive multiple of 8. It reads 2n elements.")
	n, y, x := Load(Param("n"), GP64()), Load(Param("y"), GP64()), Load(Param("x"), GP64())
	Label("loop")
	a, b := YMM(), YMM()
	VMOVUPS(Mem{Base: x}, a)
	VMOVUPS(Mem{Base: x, Disp: 32}, b)
	VSHUFPS(U8(0x88), b, a, a) // even elements of both, by 128-bit lanes: a b a b
	VPERMPD(U8(0xD8), a, a)
	VMOVUPS(a, Mem{Base: y})
	ADDQ(U8(64), x)
	ADDQ(U8(32), y)
	SUBQ(U8(8), n)
	JNZ(LabelRef("loop"))
	VZEROUPPER()
	RET()

	TEXT("zipAVX2", NOSPLIT, "func(n int, y, a, b *float32)")
	Pragma("noescape")
	Doc("zipAVX2 sets y[2i] to a[i] and y[2i+1] to b[i] for i < n, a positive multiple of 8.")
	n, y = Load(Param("n"), GP64()), Load(Param("y"), GP64())
	even, odd := Load(Param("a"), GP64()), Load(Param("b"), GP64())
	Label("loop")
	v, w := YMM(), YMM()
	VMOVUPS(Mem{Base: even}, v)
	VMOVUPS(Mem{Base: odd}, w)
	lo, hi := YMM(), YMM()
	VUNPCKLPS(w, v, lo) // pairs 0, 1 and 4, 5
	VUNPCKHPS(w, v, hi) // pairs 2, 3 and 6, 7
	VPERM2F128(U8(0x20), hi, lo, v)
	VPERM2F128(U8(0x31), hi, lo, w)
	VMOVUPS(v, Mem{Base: y})
	VMOVUPS(w, Mem{Base: y, Disp: 32})
	ADDQ(U8(32), even)
	ADDQ(U8(32), odd)
	ADDQ(U8(64), y)
	SUBQ(U8(8), n)
	JNZ(LabelRef("loop"))
	VZEROUPPER()
	RET()
}
