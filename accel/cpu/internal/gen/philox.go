package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// The fields of philoxBlocks by number, as in dropout.go.
const (
	philoxLow  = 0
	philoxHigh = 1
	philoxStep = 2
	philoxKeys = 3 // two a round
)

// philox writes 16 blocks of Philox4x32-10 a turn, word i of the blocks to wi.
var philox = loop{"philox", "blocks low, low+1, ... of Philox4x32-10, word by word", []string{"w0", "w1", "w2", "w3"}, nil, true, func(e *emitter) {
	zero := e.vector()
	VXORPS(zero, zero, zero)
	c := [4]VecVirtual{e.op(VPADDD, e.lanes(), e.field(philoxLow)), e.field(philoxHigh), e.field(philoxStep), zero}
	for round := range 10 {
		hi0, lo0 := e.mulWords(c[0], 0xD2511F53)
		hi1, lo1 := e.mulWords(c[2], 0xCD9E8D57)
		c = [4]VecVirtual{
			e.xor(e.xor(hi1, c[1]), e.field(philoxKeys+2*round)), lo1,
			e.xor(e.xor(hi0, c[3]), e.field(philoxKeys+2*round+1)), lo0,
		}
	}
	for i, w := range c {
		e.out(fmt.Sprint("w", i), w)
	}
}}

func (e *emitter) xor(a, b VecVirtual) VecVirtual { return e.op(VXORPS, b, a) }

// mulWords multiplies each 32-bit word by m; the instruction for the high halves takes every other word.
func (e *emitter) mulWords(a VecVirtual, m uint32) (hi, lo VecVirtual) {
	factor := constant(m)
	lo = e.op(VPMULLD, factor, a)
	even, odd := e.op(VPMULUDQ, factor, a), e.vector()
	VPSRLQ(U8(32), a, odd)
	VPMULUDQ(factor, odd, odd)
	VPSRLQ(U8(32), even, even)
	VANDPS(oddWords(), odd, odd)
	return e.op(VORPS, odd, even), lo
}

var oddMask, laneNumbers Mem

// oddWords is a mask of words 1, 3, ....
func oddWords() Mem {
	if oddMask.Base == nil {
		oddMask = GLOBL("vecOddWords", RODATA|NOPTR)
		for i := range block / 4 {
			DATA(4*i, U32(-(uint32(i) & 1)))
		}
	}
	return oddMask
}

// lanes is the vector 0, 1, 2, ... of the part's lanes.
func (e *emitter) lanes() VecVirtual {
	if laneNumbers.Base == nil {
		laneNumbers = GLOBL("vecLanes", RODATA|NOPTR)
		for i := range block / 4 {
			DATA(4*i, U32(i))
		}
	}
	v := e.vector()
	VMOVUPS(laneNumbers.Offset(e.disp), v)
	return v
}
