package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// depthwise writes the correlation of one plane with one window, four vectors at a time, and the sums of its gradient, four elements
// of the window at a time.
func depthwise() {
	correlate("correlateAVX512", ZMM, 64)
	correlate("correlateAVX2", YMM, 32)
	dotTaps(avx512)
	dotTaps(avx2)
	windows()
}

func dotTaps(l simd) {
	TEXT("dotTaps"+l.suffix, NOSPLIT, "func(n int, acc, x *float32, ldx int, taps *int, dy *float32, ldy int)")
	Pragma("noescape")
	Doc("dotTaps"+l.suffix+" adds x[taps[t]+r*ldx+i] dy[r*ldy+i] to lane i < 16 of sum t, of 4 that lie one after the other at acc, for r < n, in order", "with FMA.")
	n := Load(Param("n"), GP64())
	acc := Load(Param("acc"), GP64())
	x := Load(Param("x"), GP64())
	ldx := Load(Param("ldx"), GP64())
	taps := Load(Param("taps"), GP64())
	dy := Load(Param("dy"), GP64())
	ldy := Load(Param("ldy"), GP64())
	SHLQ(U8(2), ldx)
	SHLQ(U8(2), ldy)
	var from [4]Register
	var sums [4][]VecVirtual
	for t := range from {
		at := GP64()
		MOVQ(Mem{Base: taps, Disp: 8 * t}, at)
		LEAQ(Mem{Base: x, Index: at, Scale: 4}, at)
		from[t] = at
		for disp := 0; disp < block; disp += l.size {
			v := l.vector()
			VMOVUPS(Mem{Base: acc, Disp: block*t + disp}, v)
			sums[t] = append(sums[t], v)
		}
	}
	i := GP64()
	XORQ(i, i)
	Label("loop")
	for part := range block / l.size {
		g := l.vector()
		VMOVUPS(Mem{Base: dy, Disp: part * l.size}, g)
		for t := range from {
			VFMADD231PS(Mem{Base: from[t], Index: i, Scale: 1, Disp: part * l.size}, g, sums[t][part])
		}
	}
	ADDQ(ldx, i)
	ADDQ(ldy, dy)
	DECQ(n)
	JNZ(LabelRef("loop"))
	for t := range sums {
		for part, v := range sums[t] {
			VMOVUPS(v, Mem{Base: acc, Disp: block*t + part*l.size})
		}
	}
	VZEROUPPER()
	RET()
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
