package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

// depthwise writes the correlation of one plane with one window, four vectors at a time.
func depthwise() {
	correlate("correlateAVX512", ZMM, 64)
	correlate("correlateAVX2", YMM, 32)
}

func correlate(name string, vector vectorFunc, size int) {
	TEXT(name, NOSPLIT, "func(n int, y, x *float32, k int, w *float32, taps *int, bias float32)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s sets y[i] to bias + the sum over p of w[p] x[taps[p]+i], in order of p with FMA, for %d n elements.", name, size))
	n := Load(Param("n"), GP64())
	y := Load(Param("y"), GP64())
	x := Load(Param("x"), GP64())
	k := Load(Param("k"), GP64())
	w := Load(Param("w"), GP64())
	taps := Load(Param("taps"), GP64())
	b, f := vector(), vector()
	bias, err := Param("bias").Resolve()
	if err != nil {
		panic(err)
	}
	VBROADCASTSS(bias.Addr, b)
	p, tap := GP64(), GP64()

	Label("block")
	var acc [4]Op
	for i := range acc {
		v := vector()
		VMOVUPS(b, v)
		acc[i] = v
	}
	XORQ(p, p)
	Label("loop")
	MOVQ(Mem{Base: taps, Index: p, Scale: 8}, tap)
	LEAQ(Mem{Base: x, Index: tap, Scale: 4}, tap)
	VBROADCASTSS(Mem{Base: w, Index: p, Scale: 4}, f)
	for i := range acc {
		VFMADD231PS(Mem{Base: tap, Disp: i * size}, f, acc[i])
	}
	INCQ(p)
	CMPQ(p, k)
	JL(LabelRef("loop"))
	for i := range acc {
		VMOVUPS(acc[i], Mem{Base: y, Disp: i * size})
	}
	ADDQ(U32(4*size), x)
	ADDQ(U32(4*size), y)
	DECQ(n)
	JNZ(LabelRef("block"))
	VZEROUPPER()
	RET()
}
