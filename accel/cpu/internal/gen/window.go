package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// windows writes the correlation of a plane as it lies with one 3x3 window: a strip of 16 columns, row after row. Masks hide what is
// beside the plane, rows outside of it are zeros.
func windows() {
	window(1)
	window(2)
}

// window keeps the vectors of three rows, of which the next output takes 3-stride over.
func window(stride int) {
	const side, size = 3, 64
	name := fmt.Sprintf("window%dAVX512", stride)
	TEXT(name, NOSPLIT, "func(n int, y *float32, ldy int, x *float32, at, ldx, first, h int, w *float32, masks *uint16, bias float32)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s sets n rows of 16 outputs at y to the bias + the 3x3 window w times what it meets, in order with FMA, by steps of %d.", name, stride),
		"The first window's corner is at x[at], in row first of h; masks are those of loads, by column, and of the store.")
	n, y, ldy := Load(Param("n"), GP64()), Load(Param("y"), GP64()), Load(Param("ldy"), GP64())
	x, at, ldx := Load(Param("x"), GP64()), Load(Param("at"), GP64()), Load(Param("ldx"), GP64())
	row, h := Load(Param("first"), GP64()), Load(Param("h"), GP64())
	w, table := Load(Param("w"), GP64()), Load(Param("masks"), GP64())
	SHLQ(U8(2), ldy)
	SHLQ(U8(2), ldx)
	LEAQ(Mem{Base: x, Index: at, Scale: 4}, x)
	masks := make([]OpmaskVirtual, side+stride)
	for i := range masks {
		masks[i] = K()
		KMOVW(Mem{Base: table, Disp: 2 * i}, masks[i])
	}
	var weights, rows [side * side]VecVirtual
	for i := range weights {
		weights[i], rows[i] = ZMM(), ZMM()
		VBROADCASTSS(Mem{Base: w, Disp: 4 * i}, weights[i])
	}
	b := ZMM()
	bias, err := Param("bias").Resolve()
	if err != nil {
		panic(err)
	}
	VBROADCASTSS(bias.Addr, b)
	var even, odd VecVirtual
	if stride == 2 {
		even, odd = numbers("even", 0), numbers("odd", 1)
	}
	load := func(label string, v []VecVirtual) {
		for _, z := range v {
			VXORPS(z, z, z)
		}
		CMPQ(row, h)
		JAE(LabelRef(label))
		if stride == 1 {
			for i, z := range v {
				VMOVUPS_Z(Mem{Base: x, Disp: 4 * i}, masks[i], z)
			}
		} else { // columns 0, 2, ... and 1, 3, ... of 32, and again 0, 2, ... of those two further on
			high, next := ZMM(), ZMM()
			VMOVUPS_Z(Mem{Base: x}, masks[0], v[0])
			VMOVUPS_Z(Mem{Base: x, Disp: size}, masks[1], high)
			VMOVUPS_Z(Mem{Base: x, Disp: 8}, masks[2], v[2])
			VMOVUPS_Z(Mem{Base: x, Disp: size + 8}, masks[3], next)
			VMOVAPS(v[0], v[1])
			VPERMT2PS(high, odd, v[1])
			VPERMT2PS(high, even, v[0])
			VPERMT2PS(next, even, v[2])
		}
		Label(label)
		INCQ(row)
		ADDQ(ldx, x)
	}
	for i := range side - stride {
		load(fmt.Sprintf("before%d", i), rows[side*i:][:side])
	}
	sum := ZMM()
	Label("loop")
	for i := range stride {
		load(fmt.Sprintf("row%d", i), rows[side*(side-stride+i):][:side])
	}
	VMOVAPS(b, sum)
	for i, z := range rows {
		VFMADD231PS(z, weights[i], sum)
	}
	VMOVUPS(sum, masks[len(masks)-1], Mem{Base: y})
	ADDQ(ldy, y)
	for i := range side * (side - stride) {
		VMOVAPS(rows[side*stride+i], rows[i])
	}
	DECQ(n)
	JNZ(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

// numbers is a vector of first, first + 2, ...
func numbers(name string, first int) VecVirtual {
	m := GLOBL(name, RODATA|NOPTR)
	for i := range 16 {
		DATA(4*i, U32(first+2*i))
	}
	v := ZMM()
	VMOVUPS(m, v)
	return v
}
