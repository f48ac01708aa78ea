package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// windows writes the depthwise convolutions of planes as they lie and their gradients. They go down a strip of 16 columns, row after row; masks
// hide what is beside the plane, rows outside of it are zeros.
func windows() {
	for _, side := range []int{3, 5} {
		for _, stride := range []int{1, 2} {
			window(side, stride)
		}
		spread(side)
	}
	windowDw(3, 1)
	windowDw(3, 2)
}

// sweep reads the rows that windows meet: for each row, what is met by the window's column 0, 1, ... for 16 outputs.
type sweep struct {
	side, stride    int
	x, ldx, row, h  Register
	ahead           Register        // how far the next plane lies
	masks           []OpmaskVirtual // of loads, by column, and of the outputs
	even, odd, high VecVirtual      // for steps of 2: numbers of elements, and a row's other half
}

func newSweep(side, stride int) *sweep {
	s := &sweep{side: side, stride: stride, x: GP64(), ldx: GP64(), row: GP64(), h: GP64(), ahead: GP64()}
	for range s.starts() + 1 {
		s.masks = append(s.masks, K())
	}
	if stride == 2 {
		s.even, s.odd, s.high = numbers("even", 0), numbers("odd", 1), ZMM()
	}
	return s
}

// starts is the number of masks of loads.
func (s *sweep) starts() int {
	if s.stride == 2 {
		return s.side + 1
	}
	return s.side
}

// load reads the next row. For steps of 2 it takes columns 0, 2, ... and 1, 3, ... of 32, and of the 32 that begin two further on.
func (s *sweep) load(label string, v []VecVirtual) {
	for _, z := range v {
		VXORPS(z, z, z)
	}
	CMPQ(s.row, s.h)
	JAE(LabelRef(label))
	for i := range s.stride {
		PREFETCHT1(Mem{Base: s.x, Index: s.ahead, Scale: 1, Disp: 64 * i})
	}
	if s.stride == 1 {
		for i, z := range v {
			VMOVUPS_Z(Mem{Base: s.x, Disp: 4 * i}, s.masks[i], z)
		}
	} else {
		for i := 0; i < s.side; i += 2 {
			VMOVUPS_Z(Mem{Base: s.x, Disp: 4 * i}, s.masks[i], v[i])
			VMOVUPS_Z(Mem{Base: s.x, Disp: 64 + 4*i}, s.masks[i+1], s.high)
			if i+1 < s.side {
				VMOVAPS(v[i], v[i+1])
				VPERMT2PS(s.high, s.odd, v[i+1])
			}
			VPERMT2PS(s.high, s.even, v[i])
		}
	}
	Label(label)
	INCQ(s.row)
	ADDQ(s.ldx, s.x)
}

// rows makes room for what a window meets, and reads what the first window has in common with the one before.
func (s *sweep) rows() []VecVirtual {
	v := make([]VecVirtual, s.side*s.side)
	for i := range v {
		v[i] = ZMM()
	}
	return v
}

func (s *sweep) begin(v []VecVirtual) {
	for i := range s.side - s.stride {
		s.load(fmt.Sprintf("before%d", i), v[s.side*i:][:s.side])
	}
}

// next reads the rows that the next window has and the last one has not.
func (s *sweep) next(v []VecVirtual) {
	for i := range s.stride {
		s.load(fmt.Sprintf("row%d", i), v[s.side*(s.side-s.stride+i):][:s.side])
	}
}

// leave moves the rows up by a step.
func (s *sweep) leave(v []VecVirtual) {
	for i := range s.side * (s.side - s.stride) {
		VMOVAPS(v[s.side*s.stride+i], v[i])
	}
}

func loadMasks(masks []OpmaskVirtual, table Register) {
	for i, k := range masks {
		KMOVW(Mem{Base: table, Disp: 2 * i}, k)
	}
}

// window writes the correlation.
func window(side, stride int) {
	name := fmt.Sprintf("window%dx%dAVX512", side, stride)
	TEXT(name, NOSPLIT, "func(n int, y *float32, ldy int, x *float32, at, ldx, first, h, ahead int, w *float32, masks *uint16, bias float32)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s sets n rows of 16 outputs at y to the bias + the %dx%d window w times what it meets, in order with FMA, by steps of %d.", name, side, side, stride),
		"The first window's corner is at x[at], in row first of h; masks are those of loads, by column, and of the store. What lies ahead",
		"in x will be read next.")
	s := newSweep(side, stride)
	n, y, ldy, at := Load(Param("n"), GP64()), Load(Param("y"), GP64()), Load(Param("ldy"), GP64()), Load(Param("at"), GP64())
	Load(Param("x"), s.x)
	Load(Param("ldx"), s.ldx)
	Load(Param("first"), s.row)
	Load(Param("h"), s.h)
	Load(Param("ahead"), s.ahead)
	SHLQ(U8(2), s.ahead)
	w, table := Load(Param("w"), GP64()), Load(Param("masks"), GP64())
	SHLQ(U8(2), ldy)
	SHLQ(U8(2), s.ldx)
	LEAQ(Mem{Base: s.x, Index: at, Scale: 4}, s.x)
	loadMasks(s.masks, table)
	weights := make([]VecVirtual, side*side)
	if side == 3 { // there are registers for 9, not for 25
		for i := range weights {
			weights[i] = ZMM()
			VBROADCASTSS(Mem{Base: w, Disp: 4 * i}, weights[i])
		}
	}
	bias, err := Param("bias").Resolve()
	if err != nil {
		panic(err)
	}
	sum, rows := ZMM(), s.rows()
	s.begin(rows)
	Label("loop")
	s.next(rows)
	VBROADCASTSS(bias.Addr, sum)
	for i, z := range rows {
		if side == 3 {
			VFMADD231PS(z, weights[i], sum)
		} else {
			VFMADD231PS_BCST(Mem{Base: w, Disp: 4 * i}, z, sum)
		}
	}
	VMOVUPS(sum, s.masks[len(s.masks)-1], Mem{Base: y})
	ADDQ(ldy, y)
	s.leave(rows)
	DECQ(n)
	JNZ(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

// windowDw writes the gradient of the weights.
func windowDw(side, stride int) {
	name := fmt.Sprintf("window%dx%dDwAVX512", side, stride)
	TEXT(name, NOSPLIT, "func(images int, acc, x *float32, imageX int, dy *float32, imageDy, strips int, masks *uint16, n, ldy, at, ldx, first, h int)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s adds to each of %d sums of 16 lanes at acc the products of dy, of n rows, and what the window's element met in x, by steps", name, side*side),
		fmt.Sprintf("of %d, with FMA: in order of images, which are imageX and imageDy elements apart, strips of 16 columns and rows.", stride),
		"The first window's corner is at x[at], in row first of h; masks are, for each strip, those of x, by column, and of dy.")
	s := newSweep(side, stride)
	acc := Load(Param("acc"), GP64())
	sums, rows, g := make([]VecVirtual, side*side), s.rows(), ZMM()
	for i := range sums {
		sums[i] = ZMM()
		VMOVUPS(Mem{Base: acc, Disp: 64 * i}, sums[i])
	}
	x, dy, at, ldy := Load(Param("x"), GP64()), Load(Param("dy"), GP64()), Load(Param("at"), GP64()), Load(Param("ldy"), GP64())
	LEAQ(Mem{Base: x, Index: at, Scale: 4}, x)
	Load(Param("ldx"), s.ldx)
	Load(Param("h"), s.h)
	SHLQ(U8(2), ldy)
	SHLQ(U8(2), s.ldx)
	table, strip, n, from, step, aheadDy := GP64(), GP64(), GP64(), GP64(), GP64(), GP64()
	Load(Param("imageX"), s.ahead)
	SHLQ(U8(2), s.ahead)
	Load(Param("imageDy"), aheadDy)
	Label("image")
	Load(Param("masks"), table)
	XORQ(strip, strip)
	Label("strip")
	loadMasks(s.masks, table)
	MOVQ(strip, from)
	SHLQ(U8(6), from)
	MOVQ(x, s.x)
	for range stride {
		ADDQ(from, s.x)
	}
	ADDQ(dy, from)
	Load(Param("first"), s.row)
	Load(Param("n"), n)
	s.begin(rows)
	Label("loop")
	s.next(rows)
	VMOVUPS_Z(Mem{Base: from}, s.masks[len(s.masks)-1], g)
	PREFETCHT1(Mem{Base: from, Index: aheadDy, Scale: 4})
	for i, z := range rows {
		VFMADD231PS(z, g, sums[i])
	}
	ADDQ(ldy, from)
	s.leave(rows)
	DECQ(n)
	JNZ(LabelRef("loop"))
	ADDQ(U8(2*len(s.masks)), table)
	INCQ(strip)
	Load(Param("strips"), step)
	CMPQ(strip, step)
	JL(LabelRef("strip"))
	ADDQ(s.ahead, x)
	LEAQ(Mem{Base: dy, Index: aheadDy, Scale: 4}, dy)
	images, err := Param("images").Resolve()
	if err != nil {
		panic(err)
	}
	DECQ(images.Addr)
	JNZ(LabelRef("image"))
	Load(Param("acc"), acc)
	for i, v := range sums {
		VMOVUPS(v, Mem{Base: acc, Disp: 64 * i})
	}
	VZEROUPPER()
	RET()
}

// spread writes the gradient of what a window met by steps of 2. Of padded positions, even ones met its even columns and odd ones the odd
// ones, and likewise by row.
func spread(side int) {
	name := fmt.Sprintf("spread%dAVX512", side)
	TEXT(name, NOSPLIT, "func(n int, dx *float32, at, ldx, first, h int, dy *float32, ldy, rows int, w *float32, masks *uint16)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s sets n pairs of rows of 32 elements of dx, the first at dx[at] in row first of h, to the sum of dy times the %dx%d window w", name, side, side),
		"that met them by steps of 2, over dy's rows and columns in order with FMA. dy is that of the first pair, in row 0 of as many rows;",
		"masks are those of its loads, from the farthest column on, and of the two stores of a row.")
	n, dx, at, ldx := Load(Param("n"), GP64()), Load(Param("dx"), GP64()), Load(Param("at"), GP64()), Load(Param("ldx"), GP64())
	row, h, dy, ldy := Load(Param("first"), GP64()), Load(Param("h"), GP64()), Load(Param("dy"), GP64()), Load(Param("ldy"), GP64())
	rest, w, table := Load(Param("rows"), GP64()), Load(Param("w"), GP64()), Load(Param("masks"), GP64())
	SHLQ(U8(2), ldx)
	SHLQ(U8(2), ldy)
	LEAQ(Mem{Base: dx, Index: at, Scale: 4}, dx)
	taps := (side + 1) / 2
	masks := make([]OpmaskVirtual, taps+2)
	for i := range masks {
		masks[i] = K()
	}
	loadMasks(masks, table)
	low, high := numbered("low", func(i int) int { return i/2 + i%2*16 }), numbered("high", func(i int) int { return 8 + i/2 + i%2*16 })
	met := make([]VecVirtual, taps*taps) // rows of dy from the farthest on, and their columns
	for i := range met {
		met[i] = ZMM()
		VXORPS(met[i], met[i], met[i])
	}
	even, odd, out := ZMM(), ZMM(), ZMM()
	Label("loop")
	last := met[taps*(taps-1):]
	for _, z := range last {
		VXORPS(z, z, z)
	}
	CMPQ(rest, U8(0))
	JLE(LabelRef("below"))
	for i, z := range last {
		VMOVUPS_Z(Mem{Base: dy, Disp: 4 * (i - taps + 1)}, masks[i], z)
	}
	Label("below")
	DECQ(rest)
	ADDQ(ldy, dy)
	for parity := range 2 {
		label := fmt.Sprintf("outside%d", parity)
		CMPQ(row, h)
		JAE(LabelRef(label))
		VXORPS(even, even, even)
		VXORPS(odd, odd, odd)
		for i := parity; i < taps; i++ { // odd positions meet one row and column less
			ky := 2*(taps-1-i) + parity
			for j := range taps {
				kx := 2 * (taps - 1 - j)
				VFMADD231PS_BCST(Mem{Base: w, Disp: 4 * (ky*side + kx)}, met[i*taps+j], even)
				if j > 0 {
					VFMADD231PS_BCST(Mem{Base: w, Disp: 4 * (ky*side + kx + 1)}, met[i*taps+j], odd)
				}
			}
		}
		VMOVAPS(even, out)
		VPERMT2PS(odd, low, out)
		VMOVUPS(out, masks[taps], Mem{Base: dx})
		VPERMT2PS(odd, high, even)
		VMOVUPS(even, masks[taps+1], Mem{Base: dx, Disp: 64})
		Label(label)
		INCQ(row)
		ADDQ(ldx, dx)
	}
	for i := range taps * (taps - 1) {
		VMOVAPS(met[taps+i], met[i])
	}
	DECQ(n)
	JNZ(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

// numbers is a vector of first, first + 2, ...
func numbers(name string, first int) VecVirtual {
	return numbered(name, func(i int) int { return first + 2*i })
}

var numberVectors = map[string]Mem{}

// numbered is a vector of number(0), number(1), ...
func numbered(name string, number func(i int) int) VecVirtual {
	m, ok := numberVectors[name]
	if !ok {
		m = GLOBL(name, RODATA|NOPTR)
		for i := range 16 {
			DATA(4*i, U32(uint32(number(i))))
		}
		numberVectors[name] = m
	}
	v := ZMM()
	VMOVUPS(m, v)
	return v
}
