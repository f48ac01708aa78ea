package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// pack writes the transposing copies that turn 16 (AVX-512) or 8 (AVX2) rows anywhere in memory into columns of
// a packed panel.
func pack() {
	transpose16()
	transpose8()
}

// transpose16 turns blocks of 16 rows x 16 columns: pairs of rows, then quadruples, then the 128-bit lanes.
func transpose16() {
	TEXT("transposeAVX512", NOSPLIT, "func(n int, src *float32, rows *int, dst *float32, ld int)")
	Pragma("noescape")
	Doc("transposeAVX512 copies 16 n floats of each of 16 rows, which begin at src[rows[i]], to the columns of dst, whose rows are ld apart.")
	n, src, table, dst, ld := transposeArguments()
	d := rowAddresses(dst, ld, 8)
	high := GP64() // row 8 of the block in dst
	Label("loop")
	r := rowVectors(table, src, 16, ZMM)
	t := make([]VecVirtual, 16)
	for i := 0; i < 16; i += 2 {
		t[i], t[i+1] = ZMM(), ZMM()
		VUNPCKLPS(r[i+1], r[i], t[i])
		VUNPCKHPS(r[i+1], r[i], t[i+1])
	}
	// q[4g+c] holds, in each 128-bit lane l, column 4l+c of rows 4g..4g+3.
	q := make([]VecVirtual, 16)
	for g := 0; g < 16; g += 4 {
		quadruples(t[g:g+4], q[g:g+4], ZMM)
	}
	LEAQ(Mem{Base: dst, Index: ld, Scale: 8}, high)
	for c := range 4 {
		lo, hi, lo2, hi2 := ZMM(), ZMM(), ZMM(), ZMM()
		VSHUFF32X4(U8(0x44), q[4+c], q[c], lo)     // lanes 0, 1 of rows 0-3, then of rows 4-7
		VSHUFF32X4(U8(0xEE), q[4+c], q[c], hi)     // lanes 2, 3
		VSHUFF32X4(U8(0x44), q[12+c], q[8+c], lo2) // the same of rows 8-15
		VSHUFF32X4(U8(0xEE), q[12+c], q[8+c], hi2)
		for l, half := range [][2]VecVirtual{{lo, lo2}, {hi, hi2}} {
			even, odd := ZMM(), ZMM()
			VSHUFF32X4(U8(0x88), half[1], half[0], even)
			VSHUFF32X4(U8(0xDD), half[1], half[0], odd)
			for o, v := range []VecVirtual{even, odd} {
				row := 4*(2*l+o) + c
				m := d[row%8]
				if row >= 8 {
					m.Base = high
				}
				VMOVUPS(v, m)
			}
		}
	}
	ADDQ(U8(64), src)
	LEAQ(Mem{Base: high, Index: ld, Scale: 8}, dst)
	DECQ(n)
	JNZ(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

// transpose8 turns blocks of 8 rows x 8 columns.
func transpose8() {
	TEXT("transposeAVX2", NOSPLIT, "func(n int, src *float32, rows *int, dst *float32, ld int)")
	Pragma("noescape")
	Doc("transposeAVX2 copies 8 n floats of each of 8 rows, which begin at src[rows[i]], to the columns of dst, whose rows are ld apart.")
	n, src, table, dst, ld := transposeArguments()
	d := rowAddresses(dst, ld, 8)
	Label("loop")
	r := rowVectors(table, src, 8, YMM)
	q := make([]VecVirtual, 8)
	for g := 0; g < 8; g += 4 {
		t := []VecVirtual{YMM(), YMM(), YMM(), YMM()}
		VUNPCKLPS(r[g+1], r[g], t[0])
		VUNPCKHPS(r[g+1], r[g], t[1])
		VUNPCKLPS(r[g+3], r[g+2], t[2])
		VUNPCKHPS(r[g+3], r[g+2], t[3])
		quadruples(t, q[g:g+4], YMM)
	}
	for c := range 4 {
		lo, hi := YMM(), YMM()
		VPERM2F128(U8(0x20), q[4+c], q[c], lo)
		VPERM2F128(U8(0x31), q[4+c], q[c], hi)
		VMOVUPS(lo, d[c])
		VMOVUPS(hi, d[4+c])
	}
	ADDQ(U8(32), src)
	LEAQ(Mem{Base: dst, Index: ld, Scale: 8}, dst)
	DECQ(n)
	JNZ(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

// rowVectors loads one vector of each of n rows, whose offsets in elements are in table.
func rowVectors(table, src Register, n int, vector vectorFunc) []VecVirtual {
	r := make([]VecVirtual, n)
	row := GP64()
	for i := range r {
		r[i] = vector()
		MOVQ(Mem{Base: table, Disp: 8 * i}, row)
		VMOVUPS(Mem{Base: src, Index: row, Scale: 4}, r[i])
	}
	return r
}

// quadruples gathers column c of four rows, in each 128-bit lane, from their interleaved pairs t.
func quadruples(t, q []VecVirtual, vector vectorFunc) {
	for c := range 4 {
		q[c] = vector()
	}
	VUNPCKLPD(t[2], t[0], q[0])
	VUNPCKHPD(t[2], t[0], q[1])
	VUNPCKLPD(t[3], t[1], q[2])
	VUNPCKHPD(t[3], t[1], q[3])
}

func transposeArguments() (n, src, table, dst, ld Register) {
	n = Load(Param("n"), GP64())
	src = Load(Param("src"), GP64())
	table = Load(Param("rows"), GP64())
	dst = Load(Param("dst"), GP64())
	ld = Load(Param("ld"), GP64())
	SHLQ(U8(2), ld)
	return
}
