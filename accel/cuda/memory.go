//go:build nvidia

package cuda

import (
	"errors"
	"fmt"
	"sync/atomic"

	"gorgonia.org/cu"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/internal/operand"
)

// mostElements bounds an operand, so that kernels may count in int.
const mostElements = 1 << 30

// buffer is a block of a card's memory.
type buffer struct {
	dev   *Device
	typ   accel.DType
	n     int // elements
	ptr   cu.DevicePtr
	freed atomic.Bool
	held  int // scratch: graphs that use it
}

func (b *buffer) DType() accel.DType { return b.typ }
func (b *buffer) Len() int           { return b.n }
func (b *buffer) bytes() int64       { return int64(b.n * b.typ.Size()) }

// Alloc returns n zeroed elements.
func (d *Device) Alloc(t accel.DType, n int) (accel.Buffer, error) {
	if n < 0 {
		return nil, fmt.Errorf("%s: allocation of %d elements", d.Name(), n)
	}
	if t != accel.Float32 && t != accel.Int32 {
		return nil, fmt.Errorf("%s: unknown element type %d", d.Name(), t)
	}
	b, err := d.reserve(t, n)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.memory.count(b.bytes(), 1)
	return b, nil
}

// reserve takes a block and zeroes it on the null stream, behind whatever was queued before on any stream. The block is not counted.
func (d *Device) reserve(t accel.DType, n int) (*buffer, error) {
	if err := d.usable(); err != nil {
		return nil, err
	}
	b := &buffer{dev: d, typ: t, n: n}
	if n == 0 {
		return b, nil
	}
	d.mu.Lock()
	b.ptr = d.memory.take(class(b.bytes()))
	d.mu.Unlock()
	return b, d.call(func() (err error) {
		if b.ptr == 0 {
			if b.ptr, err = d.allocate(class(b.bytes())); err != nil {
				return err
			}
		}
		return d.explain(cu.MemsetD8Async(b.ptr, 0, b.bytes(), cu.NoStream))
	})
}

// allocate asks the driver for a block, and once more after it has been given back what is kept.
func (d *Device) allocate(bytes int64) (cu.DevicePtr, error) {
	ptr, err := cu.MemAlloc(bytes)
	if !errors.Is(err, cu.OutOfMemory) {
		return ptr, d.explain(err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.memory.release(); err != nil {
		return 0, d.explain(err)
	}
	if ptr, err = cu.MemAlloc(bytes); !errors.Is(err, cu.OutOfMemory) {
		return ptr, d.explain(err)
	}
	free, total, err := cu.MemInfo()
	if err != nil {
		return 0, d.explain(err)
	}
	m := d.memory.stats
	return 0, &OutOfMemoryError{Device: d.Name(), Want: bytes, Free: free, Total: total, Live: m.Live, Peak: m.Peak, Buffers: m.Buffers,
		Scratch: d.memory.scratch, Largest: d.memory.largest(4)}
}

// Free gives b back. Using b afterwards is an error of that call; work that is queued may still use it.
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
	d.memory.count(c.bytes(), -1)
	if c.n > 0 {
		d.memory.keep(class(c.bytes()), c.ptr)
	}
	return nil
}

// Mem counts the live buffers; scratch is not among them.
func (d *Device) Mem() accel.MemStats {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.memory.stats
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
	if err := operand.Within(t, b.n); err != nil {
		return nil, err
	}
	return b, nil
}

// pointer is where a checked operand begins.
func pointer(t accel.Tensor) cu.DevicePtr {
	return t.Buf.(*buffer).ptr + cu.DevicePtr(4*t.Off)
}
