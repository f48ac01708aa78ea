//go:build nvidia

package drv

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"gorgonia.org/cu"
)

// TestProductsInBFloat16 multiplies [2 3] by the transpose of [2 3]: small integers, which bfloat16 holds exactly, and a number that it
// does not.
func TestProductsInBFloat16(t *testing.T) {
	begin(t)
	s, err := cu.MakeStream(cu.DefaultStream)
	if err != nil {
		t.Fatal(err)
	}
	b, err := NewBLAS(s)
	if errors.Is(err, ErrNoBLAS) && !onDouble(t) {
		t.Skip(err) // a card works without it
	}
	if err != nil {
		t.Fatal(err)
	}
	upload := func(v []float32) cu.DevicePtr {
		p, err := cu.MemAlloc(int64(4 * len(v)))
		if err == nil {
			err = cu.MemcpyHtoD(p, unsafe.Pointer(&v[0]), int64(4*len(v)))
		}
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	const third = float32(1) / 3
	x, y, z := upload([]float32{1, 2, 3, 0, 1, third}), upload([]float32{1, 0, 1, 2, -1, 0}), upload([]float32{1, 1, 1, 1})
	for _, c := range []struct {
		in    Compute
		third float32
	}{{Float32, third}, {BFloat16, 0.333984375}} {
		one := []float32{1, 1, 1, 1}
		if err := cu.MemcpyHtoD(z, unsafe.Pointer(&one[0]), 16); err != nil {
			t.Fatal(err)
		}
		if err := b.Gemm(c.in, 2, 2, 3, 1, Matrix{Ptr: x, Stride: 3}, Matrix{Ptr: y, Stride: 3, Trans: true}, 2, Matrix{Ptr: z, Stride: 2}, 1); err != nil {
			t.Fatal(err)
		}
		got := make([]float32, 4)
		if err := errors.Join(s.Synchronize(), cu.MemcpyDtoH(unsafe.Pointer(&got[0]), z, 16)); err != nil {
			t.Fatal(err)
		}
		if want := []float32{6, 2, 2 + c.third, 1}; !slices.Equal(got, want) {
			t.Errorf("in %d: got %v, want %v", c.in, got, want)
		}
	}
	if err := b.Gemm(Float32, 2, 2, 3, 1, Matrix{Ptr: x, Stride: 2}, Matrix{Ptr: y, Stride: 2}, 0, Matrix{Ptr: z, Stride: 2}, 1); err == nil {
		t.Error("rows closer than they are long were taken")
	}
	if err := errors.Join(b.Close(), cu.MemFree(x), cu.MemFree(y), cu.MemFree(z), s.Destroy()); err != nil {
		t.Error(err)
	}
}

// onDouble tells whether the card is the double's, which always comes with a double of cuBLAS.
func onDouble(t *testing.T) bool {
	t.Helper()
	card, err := cu.GetDevice(0)
	if err != nil {
		t.Fatal(err)
	}
	name, err := card.Name()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains(name, "a double, not a GPU")
}
