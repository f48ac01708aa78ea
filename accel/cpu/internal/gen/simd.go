package main

import (
	"fmt"
	"math"
	"strings"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// block is the bytes of the 16 floats that one turn of a loop takes, whatever the width of a register.
const block = 64

// simd is an instruction set: its suffix in names, the bytes of a register, and a new register.
type simd struct {
	suffix string
	size   int
	vector vectorFunc
}

var (
	avx512 = simd{"AVX512", 64, ZMM}
	avx2   = simd{"AVX2", 32, YMM}
)

// loop describes one function along vectors. A pointer whose name begins with "acc" stands for the 16 lanes of a sum: it is read
// before and written after the loop.
type loop struct {
	name, doc string
	pointers  []string
	scalars   []string
	step      bool // has a last argument c that points to the scalars of a step
	body      func(e *emitter)
}

// write writes the loop for one instruction set.
func (l loop) write(s simd) {
	signature := "func(n int"
	for _, p := range l.pointers {
		signature += ", " + p + " *float32"
	}
	for _, c := range l.scalars {
		signature += ", " + c + " float32"
	}
	if l.step {
		signature += ", c *float32"
	}
	TEXT(l.name+s.suffix, NOSPLIT, signature+")")
	Doc(fmt.Sprintf("%s%s: %s. n is a multiple of 16.", l.name, s.suffix, l.doc))
	e := &emitter{simd: s, pointers: map[string]Register{}, scalars: map[string]VecVirtual{}, sums: map[string][]VecVirtual{}, index: GP64()}
	n := Load(Param("n"), GP64())
	SHLQ(U8(2), n)
	for _, p := range l.pointers {
		e.pointers[p] = Load(Param(p), GP64())
	}
	for _, c := range l.scalars {
		v := s.vector()
		a, err := Param(c).Resolve()
		if err != nil {
			panic(err)
		}
		VBROADCASTSS(a.Addr, v)
		e.scalars[c] = v
	}
	if l.step {
		e.step = Load(Param("c"), GP64())
	}
	for _, acc := range l.pointers {
		for disp := 0; strings.HasPrefix(acc, "acc") && disp < block; disp += s.size {
			v := s.vector()
			VMOVUPS(Mem{Base: e.pointers[acc], Disp: disp}, v)
			e.sums[acc] = append(e.sums[acc], v)
		}
	}
	XORQ(e.index, e.index)
	Label("loop")
	CMPQ(e.index, n)
	JGE(LabelRef("done"))
	for e.disp = 0; e.disp < block; e.disp += s.size {
		l.body(e)
	}
	ADDQ(U8(block), e.index)
	JMP(LabelRef("loop"))
	Label("done")
	for _, acc := range l.pointers {
		for i, v := range e.sums[acc] {
			VMOVUPS(v, Mem{Base: e.pointers[acc], Disp: i * s.size})
		}
	}
	VZEROUPPER()
	RET()
}

// emitter writes the instructions of a loop's body. Its methods take registers and, where x86 allows one, memory; they
// return a new register.
type emitter struct {
	simd
	pointers map[string]Register
	scalars  map[string]VecVirtual
	step     Register
	sums     map[string][]VecVirtual
	index    Register
	disp     int // of the part of the block being written
}

func (e *emitter) at(p string) Mem {
	return Mem{Base: e.pointers[p], Index: e.index, Scale: 1, Disp: e.disp}
}

// in loads the current part of p, out stores to it.
func (e *emitter) in(p string) VecVirtual {
	v := e.vector()
	VMOVUPS(e.at(p), v)
	return v
}

func (e *emitter) out(p string, v Op) { VMOVUPS(v, e.at(p)) }

// field is float number i of the struct at c, in all lanes.
func (e *emitter) field(i int) VecVirtual {
	v := e.vector()
	VBROADCASTSS(Mem{Base: e.step, Disp: 4 * i}, v)
	return v
}

// sum is the accumulator of the current part.
func (e *emitter) sum(acc string) VecVirtual { return e.sums[acc][e.disp/e.size] }

func (e *emitter) add(a VecVirtual, b Op) VecVirtual { return e.op(VADDPS, b, a) }
func (e *emitter) sub(a VecVirtual, b Op) VecVirtual { return e.op(VSUBPS, b, a) }
func (e *emitter) mul(a VecVirtual, b Op) VecVirtual { return e.op(VMULPS, b, a) }
func (e *emitter) div(a VecVirtual, b Op) VecVirtual { return e.op(VDIVPS, b, a) }

// max is Go's "if a > b { b = a }", min the same with "<": b where one is NaN.
func (e *emitter) max(a, b VecVirtual) VecVirtual { return e.op(VMAXPS, b, a) }
func (e *emitter) min(a, b VecVirtual) VecVirtual { return e.op(VMINPS, b, a) }

func (e *emitter) neg(a VecVirtual) VecVirtual { return e.op(VXORPS, constant(1<<31), a) }
func (e *emitter) abs(a VecVirtual) VecVirtual { return e.op(VANDPS, constant(1<<31-1), a) }

func (e *emitter) op(f func(...Op), b Op, a VecVirtual) VecVirtual {
	dst := e.vector()
	f(b, a, dst)
	return dst
}

func (e *emitter) sqrt(a Op) VecVirtual {
	dst := e.vector()
	VSQRTPS(a, dst)
	return dst
}

// Comparisons of VCMPPS; less and greater are false where one side is NaN, unequal is true there.
const (
	unequal = U8(4)
	less    = U8(17)
	greater = U8(30)
)

// where is a if x cmp c, else b.
func (e *emitter) where(x VecVirtual, cmp U8, c Op, a, b VecVirtual) VecVirtual {
	dst := e.vector()
	if e.size == 64 {
		k := K()
		VCMPPS(cmp, c, x, k)
		VBLENDMPS(a, b, k, dst)
		return dst
	}
	mask := e.vector()
	VCMPPS(cmp, c, x, mask)
	VBLENDVPS(mask, a, b, dst)
	return dst
}

// constants are the vectors of one number each that were asked for so far, by bits.
var constants = map[uint32]Mem{}

// constant is a vector of 16 words in memory.
func constant(bits uint32) Mem {
	m, ok := constants[bits]
	if !ok {
		m = GLOBL(fmt.Sprintf("vec%08x", bits), RODATA|NOPTR)
		for i := range block / 4 {
			DATA(4*i, U32(bits))
		}
		constants[bits] = m
	}
	return m
}

func float(c float32) Mem { return constant(math.Float32bits(c)) }

// set is a register with c in all lanes.
func (e *emitter) set(c float32) VecVirtual {
	v := e.vector()
	VMOVUPS(float(c), v)
	return v
}
