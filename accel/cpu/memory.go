package cpu

import (
	"errors"
	"fmt"
	"sync/atomic"
	"unsafe"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/internal/operand"
)

// align is the alignment of buffers in bytes: a cache line, and an AVX-512 register.
const align = 64

// buffer is host memory. Exactly one of f and i is in use, by the type.
type buffer struct {
	dev   *Device
	typ   accel.DType
	f     []float32
	i     []int32
	lent  bool // the host's, only read
	freed atomic.Bool
}

func (b *buffer) DType() accel.DType { return b.typ }
func (b *buffer) Len() int           { return len(b.f) + len(b.i) }

// Alloc returns n zeroed elements, aligned to 64 bytes.
func (d *Device) Alloc(t accel.DType, n int) (accel.Buffer, error) {
	if n < 0 {
		return nil, fmt.Errorf("cpu: allocation of %d elements", n)
	}
	b := &buffer{dev: d, typ: t}
	switch t {
	case accel.Float32:
		b.f = alignedSlice[float32](n)
	case accel.Int32:
		b.i = alignedSlice[int32](n)
	default:
		return nil, fmt.Errorf("cpu: unknown element type %d", t)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mem.Buffers++
	d.mem.Live += int64(n * t.Size())
	d.mem.Peak = max(d.mem.Peak, d.mem.Live)
	return b, nil
}

// Borrow implements accel.Borrower.
func (d *Device) Borrow(data []float32) (accel.Buffer, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mem.Buffers++
	return &buffer{dev: d, typ: accel.Float32, f: data[:len(data):len(data)], lent: true}, nil
}

// alignedSlice makes n zeroed elements that begin on a cache line. Go's collector does not move them.
func alignedSlice[T float32 | int32](n int) []T {
	const extra = align / 4
	s := make([]T, n+extra)
	off := 0
	if rest := uintptr(unsafe.Pointer(unsafe.SliceData(s))) % align; rest != 0 {
		off = int(align-rest) / 4
	}
	return s[off : off+n : off+n]
}

// Free gives b back. Using b afterwards is an error of that call.
func (d *Device) Free(b accel.Buffer) error {
	c, ok := b.(*buffer)
	if !ok || c.dev != d {
		return errors.New("free: the buffer belongs to another device")
	}
	if c.freed.Swap(true) {
		return errors.New("free: the buffer was freed before")
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mem.Buffers--
	if !c.lent {
		d.mem.Live -= int64(c.Len() * c.typ.Size())
	}
	c.f, c.i = nil, nil
	return nil
}

// Mem counts the live buffers; scratch is not among them.
func (d *Device) Mem() accel.MemStats {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.mem
}

// buffer returns the live buffer of t after checking that t lies in it.
func (d *Device) buffer(t accel.Tensor) (*buffer, error) {
	b, ok := t.Buf.(*buffer)
	if !ok || b.dev != d {
		return nil, errors.New("the buffer belongs to another device")
	}
	if b.freed.Load() {
		return nil, errors.New("the buffer was freed")
	}
	if err := operand.Within(t, b.Len()); err != nil {
		return nil, err
	}
	return b, nil
}

// writable is buffer for a tensor that is to be written.
func (d *Device) writable(t accel.Tensor) (*buffer, error) {
	b, err := d.buffer(t)
	if err == nil && b.lent {
		err = errors.New("the buffer is borrowed memory, which is only read")
	}
	return b, err
}

// CopyIn copies src to the start of dst.
func (d *Device) CopyIn(s accel.Stream, dst accel.Tensor, src any) error {
	if err := d.checkStream(s); err != nil {
		return fmt.Errorf("copy in: %w", err)
	}
	b, err := d.writable(dst)
	if err != nil {
		return fmt.Errorf("copy in: %w", err)
	}
	switch v := src.(type) {
	case []float32:
		if b.typ == accel.Float32 && len(v) <= dst.Len() {
			copy(b.f[dst.Off:], v)
			return nil
		}
		return fmt.Errorf("copy in: %d float32 to %s %v", len(v), b.typ, dst.Shape)
	case []int32:
		if b.typ == accel.Int32 && len(v) <= dst.Len() {
			copy(b.i[dst.Off:], v)
			return nil
		}
		return fmt.Errorf("copy in: %d int32 to %s %v", len(v), b.typ, dst.Shape)
	}
	return fmt.Errorf("copy in: %T is neither []float32 nor []int32", src)
}

// CopyOut copies src to dst, a []float32 or []int32 of the same length.
func (d *Device) CopyOut(s accel.Stream, dst any, src accel.Tensor) error {
	if err := d.checkStream(s); err != nil {
		return fmt.Errorf("copy out: %w", err)
	}
	b, err := d.buffer(src)
	if err != nil {
		return fmt.Errorf("copy out: %w", err)
	}
	switch v := dst.(type) {
	case []float32:
		if b.typ == accel.Float32 && len(v) == src.Len() {
			copy(v, b.f[src.Off:])
			return nil
		}
		return fmt.Errorf("copy out: %s %v to %d float32", b.typ, src.Shape, len(v))
	case []int32:
		if b.typ == accel.Int32 && len(v) == src.Len() {
			copy(v, b.i[src.Off:])
			return nil
		}
		return fmt.Errorf("copy out: %s %v to %d int32", b.typ, src.Shape, len(v))
	}
	return fmt.Errorf("copy out: %T is neither []float32 nor []int32", dst)
}

// f32 is the host view of a checked float32 operand. An int32 operand panics, which Launch reports.
func f32(t accel.Tensor) []float32 {
	b := t.Buf.(*buffer)
	if b.typ != accel.Float32 {
		panic(fmt.Sprintf("operand %v is %s, want float32", t.Shape, b.typ))
	}
	end := t.Off + t.Len()
	return b.f[t.Off:end:end]
}

// i32 is the host view of a checked int32 operand. A float32 operand panics, which Launch reports.
func i32(t accel.Tensor) []int32 {
	b := t.Buf.(*buffer)
	if b.typ != accel.Int32 {
		panic(fmt.Sprintf("operand %v is %s, want int32", t.Shape, b.typ))
	}
	end := t.Off + t.Len()
	return b.i[t.Off:end:end]
}

// borrow lends n floats of scratch, aligned and with any content, until giveBack. Idle scratch is kept by the device: the
// smallest piece that fits is lent, and a piece too small for a request is replaced by a larger one.
func (d *Device) borrow(n int) []float32 {
	d.mu.Lock()
	best := -1
	for i, s := range d.scratch {
		if cap(s) >= n && (best < 0 || cap(s) < cap(d.scratch[best])) {
			best = i
		}
	}
	if best < 0 && len(d.scratch) > 0 {
		best = 0
	}
	var s []float32
	if best >= 0 {
		s = d.scratch[best]
		last := len(d.scratch) - 1
		d.scratch[best] = d.scratch[last]
		d.scratch = d.scratch[:last]
	}
	d.mu.Unlock()
	if cap(s) < n {
		s = alignedSlice[float32](n)
	}
	return s[:n]
}

// giveBack ends the loan of s.
func (d *Device) giveBack(s []float32) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.closed.Load() {
		d.scratch = append(d.scratch, s)
	}
}
