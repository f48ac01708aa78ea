package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

// stride writes the copies from and to every second element, eight at a time.
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

	TEXT("spreadAVX2", NOSPLIT, "func(n int, y, x *float32)")
	Pragma("noescape")
	Doc("spreadAVX2 sets y[2i] to x[i] for i < n, a positive multiple of 8. It writes y[2i+1] as it was.")
	n, y, x = Load(Param("n"), GP64()), Load(Param("y"), GP64()), Load(Param("x"), GP64())
	Label("loop")
	v := YMM()
	VPERMPD(U8(0xD8), Mem{Base: x}, v) // pairs 0, 2, 1, 3
	for i, unpack := range []func(...Op){VUNPCKLPS, VUNPCKHPS} {
		twice := YMM()
		unpack(v, v, twice)
		at := Mem{Base: y, Disp: 32 * i}
		VBLENDPS(U8(0xAA), at, twice, twice)
		VMOVUPS(twice, at)
	}
	ADDQ(U8(32), x)
	ADDQ(U8(64), y)
	SUBQ(U8(8), n)
	JNZ(LabelRef("loop"))
	VZEROUPPER()
	RET()
}
