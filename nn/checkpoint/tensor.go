package checkpoint

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"unsafe"

	"github.com/pipe-ml/pipe/nn/layer"
)

// DType is an element type by its name in the safetensors format.
type DType string

// The element types. Those that hold weights convert to float32.
const (
	F64  DType = "F64"
	F32  DType = "F32"
	F16  DType = "F16"
	BF16 DType = "BF16"
	I64  DType = "I64"
	I32  DType = "I32"
	I16  DType = "I16"
	I8   DType = "I8"
	U8   DType = "U8"
	Bool DType = "BOOL"
)

// otherSizes are the types that a file may hold beside weights that are read.
var otherSizes = map[DType]int{"U64": 8, "C64": 8, "U32": 4, "U16": 2, "F8_E4M3": 1, "F8_E5M2": 1}

// Size is the bytes of an element, 0 for an unknown type.
func (d DType) Size() int {
	switch d {
	case F64, I64:
		return 8
	case F32, I32:
		return 4
	case F16, BF16, I16:
		return 2
	case I8, U8, Bool:
		return 1
	}
	return otherSizes[d]
}

// Tensor is an array as a file holds it: row-major, little-endian.
type Tensor struct {
	DType DType
	Shape []int
	Data  []byte
}

// FromFloat32 is the F32 tensor of data [shape].
func FromFloat32(shape []int, data []float32) Tensor {
	raw := make([]byte, 4*len(data))
	for i, v := range data {
		binary.LittleEndian.PutUint32(raw[4*i:], math.Float32bits(v))
	}
	return Tensor{F32, slices.Clone(shape), raw}
}

// FromInt32 is the I32 tensor of data [shape].
func FromInt32(shape []int, data []int32) Tensor {
	raw := make([]byte, 4*len(data))
	for i, v := range data {
		binary.LittleEndian.PutUint32(raw[4*i:], uint32(v))
	}
	return Tensor{I32, slices.Clone(shape), raw}
}

// FromUint8 is the U8 tensor of data [shape], which it keeps.
func FromUint8(shape []int, data []byte) Tensor {
	return Tensor{U8, slices.Clone(shape), data}
}

// Len is the number of elements.
func (t Tensor) Len() int {
	n := 1
	for _, d := range t.Shape {
		n *= d
	}
	return n
}

// Float32 returns the values of a floating-point tensor, rounding F64.
func (t Tensor) Float32() ([]float32, error) {
	view, err := t.View()
	if err != nil {
		return nil, err
	}
	return slices.Clone(view(new([]float32))), nil
}

// View gives the values of a floating-point tensor as layer.Weights takes them: Data itself where that is float32 in this
// machine's own form, else converted at every use, rounding F64. Data must stay as it is for as long as the view is used.
func (t Tensor) View() (layer.View, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	n := t.Len()
	if own, ok := t.own(n); ok {
		return func(*[]float32) []float32 { return own }, nil
	}
	convert := converters[t.DType]
	if convert == nil {
		return nil, fmt.Errorf("tensor of %s is not floating-point", t.DType)
	}
	return func(scratch *[]float32) []float32 {
		*scratch = slices.Grow((*scratch)[:0], n)[:n]
		convert(*scratch, t.Data)
		return *scratch
	}, nil
}

// littleEndian tells whether this machine's float32 are the file's.
var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

// own is Data as n float32, if it can be read in place.
func (t Tensor) own(n int) ([]float32, bool) {
	at := unsafe.Pointer(unsafe.SliceData(t.Data))
	if t.DType != F32 || !littleEndian || n == 0 || uintptr(at)%4 != 0 {
		return nil, false
	}
	return unsafe.Slice((*float32)(at), n), true
}

// converters turn little-endian bytes into float32.
var converters = map[DType]func(dst []float32, raw []byte){
	F32: func(dst []float32, raw []byte) {
		for i := range dst {
			dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
		}
	},
	F64: func(dst []float32, raw []byte) {
		for i := range dst {
			dst[i] = float32(math.Float64frombits(binary.LittleEndian.Uint64(raw[8*i:])))
		}
	},
	BF16: func(dst []float32, raw []byte) {
		for i := range dst {
			dst[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(raw[2*i:])) << 16)
		}
	},
	F16: func(dst []float32, raw []byte) {
		for i := range dst {
			dst[i] = half(binary.LittleEndian.Uint16(raw[2*i:]))
		}
	},
}

// Int32 returns the values of an I32 tensor, or of an I64 one whose values fit.
func (t Tensor) Int32() ([]int32, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	out := make([]int32, t.Len())
	for i := range out {
		switch t.DType {
		case I32:
			out[i] = int32(binary.LittleEndian.Uint32(t.Data[4*i:]))
		case I64:
			v := int64(binary.LittleEndian.Uint64(t.Data[8*i:]))
			if v != int64(int32(v)) {
				return nil, fmt.Errorf("element %d is %d: does not fit 32 bits", i, v)
			}
			out[i] = int32(v)
		default:
			return nil, fmt.Errorf("tensor of %s is not of integers", t.DType)
		}
	}
	return out, nil
}

func (t Tensor) check() error {
	if want := t.Len() * t.DType.Size(); want != len(t.Data) || t.DType.Size() == 0 {
		return fmt.Errorf("tensor %s %v has %d bytes", t.DType, t.Shape, len(t.Data))
	}
	return nil
}

// half widens an IEEE binary16.
func half(h uint16) float32 {
	sign, exp, frac := uint32(h&0x8000)<<16, uint32(h>>10&0x1f), uint32(h&0x3ff)
	switch exp {
	case 0: // zero and subnormals: frac * 2^-24 is exact
		v := float32(frac) * 0x1p-24
		return math.Float32frombits(math.Float32bits(v) | sign)
	case 31:
		return math.Float32frombits(sign | 0x7f800000 | frac<<13)
	}
	return math.Float32frombits(sign | (exp+112)<<23 | frac<<13)
}
