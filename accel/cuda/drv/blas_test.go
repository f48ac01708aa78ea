//go:build nvidia

package drv

import (
	"errors"
	"slices"
	"testing"
	"unsafe"

	"gorgonia.org/cu"
)

// TestProductsOfBFloat16 multiplies [2 3] by the transpose of [2 3], small integers, which bfloat16 holds exactly.
func TestProductsOfBFloat16(t *testing.T) {
	begin(t)
	s, err := cu.MakeStream(cu.DefaultStream)
	if err != nil {
		t.Fatal(err)
	}
	b, err := NewBLAS(s)
	if err != nil {
		t.Fatal(err)
	}
	const one, two, three, minus = 0x3f80, 0x4000, 0x4040, 0xbf80
	upload := func(v []uint16) cu.DevicePtr {
		p, err := cu.MemAlloc(int64(2 * len(v)))
		if err == nil {
			err = cu.MemcpyHtoD(p, unsafe.Pointer(&v[0]), int64(2*len(v)))
		}
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	x, y := upload([]uint16{one, two, three, 0, one, minus}), upload([]uint16{one, 0, one, two, minus, 0})
	z := upload([]uint16{one, one, one, one})
	if err := b.Gemm(BFloat16, 2, 2, 3, 1, Matrix{Ptr: x, Stride: 3}, Matrix{Ptr: y, Stride: 3, Trans: true}, 2, Matrix{Ptr: z, Stride: 2}, 1); err != nil {
		t.Fatal(err)
	}
	got := make([]uint16, 4)
	if err := errors.Join(s.Synchronize(), cu.MemcpyDtoH(unsafe.Pointer(&got[0]), z, 8)); err != nil {
		t.Fatal(err)
	}
	if want := []uint16{0x40c0, two, one, one}; !slices.Equal(got, want) { // 6, 2; 1, 1
		t.Errorf("got %#x, want %#x", got, want)
	}
	if err := b.Gemm(Float32, 2, 2, 3, 1, Matrix{Ptr: x, Stride: 2}, Matrix{Ptr: y, Stride: 2}, 0, Matrix{Ptr: z, Stride: 2}, 1); err == nil {
		t.Error("rows closer than they are long were taken")
	}
	if err := errors.Join(b.Close(), cu.MemFree(x), cu.MemFree(y), cu.MemFree(z), s.Destroy()); err != nil {
		t.Error(err)
	}
}
