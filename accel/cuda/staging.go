//go:build nvidia

package cuda

import (
	"fmt"
	"unsafe"

	"gorgonia.org/cu"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/cuda/drv"
)

const (
	pieces   = 4        // that a stream may have under way
	mostPart = 32 << 20 // bytes of one
)

// staging is a ring of pinned memory through which a stream copies, in parts.
type staging struct {
	ring [pieces]piece
	next int
}

// piece is pinned memory, in use until its event is reached.
type piece struct {
	host []byte
	ev   cu.Event
	used bool
}

// piece waits for the oldest piece and makes it hold n bytes.
func (s *stream) piece(n int) (*piece, error) {
	p := &s.staging.ring[s.staging.next]
	s.staging.next = (s.staging.next + 1) % pieces
	if p.used {
		// An event that is still to be recorded would count as reached.
		if err := s.dev.call(func() error { return nil }); err != nil {
			return nil, err
		}
		if err := s.dev.wait(p.ev); err != nil {
			return nil, err
		}
		p.used = false
	}
	if len(p.host) >= n {
		return p, nil
	}
	return p, s.dev.call(func() (err error) {
		if p.host == nil {
			if p.ev, err = s.dev.event(); err != nil {
				return err
			}
		} else if err := cu.MemFreeHost(unsafe.Pointer(&p.host[0])); err != nil {
			return err
		}
		p.host = nil
		p.host, err = hostBytes(int(class(int64(n))))
		return err
	})
}

func (s *staging) close() {
	for _, p := range s.ring {
		if p.host != nil {
			_ = cu.MemFreeHost(unsafe.Pointer(&p.host[0]))
		}
	}
}

// CopyIn copies src to the start of dst. It has taken what it needs of src when it returns.
func (d *Device) CopyIn(s accel.Stream, dst accel.Tensor, src any) error {
	c, to, from, err := d.copied(s, dst, src)
	if err == nil && len(from) > 4*dst.Len() {
		err = fmt.Errorf("%d elements to %v", len(from)/4, dst.Shape)
	}
	if err != nil {
		return fmt.Errorf("%s: copy in: %w", d.Name(), err)
	}
	if err := c.upload(to, from); err != nil {
		return fmt.Errorf("%s: copy in: %w", d.Name(), d.explain(err, d.suspects()...))
	}
	return nil
}

// upload queues a copy of from, of which it has taken all when it returns.
func (c *stream) upload(to cu.DevicePtr, from []byte) error {
	for len(from) > 0 {
		n := min(len(from), mostPart)
		p, err := c.piece(n)
		if err != nil {
			return err
		}
		copy(p.host, from[:n])
		p.used = true
		at := to
		c.post(queuedLaunch{name: "copy in"}, func() error {
			if err := cu.MemcpyHtoDAsync(at, unsafe.Pointer(&p.host[0]), int64(n), c.queue); err != nil {
				return err
			}
			return p.ev.Record(c.queue)
		})
		from, to = from[n:], to+cu.DevicePtr(n)
	}
	return nil
}

// CopyOut waits for the stream and copies src to dst, a []float32 or []int32 of the same length.
func (d *Device) CopyOut(s accel.Stream, dst any, src accel.Tensor) error {
	c, from, to, err := d.copied(s, src, dst)
	if err == nil && len(to) != 4*src.Len() {
		err = fmt.Errorf("%v to %d elements", src.Shape, len(to)/4)
	}
	if err != nil {
		return fmt.Errorf("%s: copy out: %w", d.Name(), err)
	}
	if len(to) == 0 {
		return c.settle(nil)
	}
	for len(to) > 0 {
		n := min(len(to), mostPart)
		p, err := c.piece(n)
		if err != nil {
			return fmt.Errorf("%s: copy out: %w", d.Name(), d.explain(err, d.suspects()...))
		}
		if err := c.settle(func() error {
			return cu.MemcpyDtoHAsync(unsafe.Pointer(&p.host[0]), from, int64(n), c.queue)
		}); err != nil {
			return fmt.Errorf("%s: copy out: %w", d.Name(), err)
		}
		copy(to, p.host[:n])
		to, from = to[n:], from+cu.DevicePtr(n)
	}
	return nil
}

// copied checks a copy between t and a host slice, and returns where both lie.
func (d *Device) copied(s accel.Stream, t accel.Tensor, host any) (*stream, cu.DevicePtr, []byte, error) {
	c, err := d.stream(s)
	if err != nil {
		return nil, 0, nil, err
	}
	if err := c.usable(); err != nil {
		return nil, 0, nil, err
	}
	b, err := d.buffer(t)
	if err != nil {
		return nil, 0, nil, err
	}
	var bytes []byte
	switch v := host.(type) {
	case []float32:
		if b.typ == accel.Float32 {
			bytes = bytesAt(unsafe.Pointer(unsafe.SliceData(v)), 4*len(v))
			break
		}
		return nil, 0, nil, fmt.Errorf("%s %v and %d float32", b.typ, t.Shape, len(v))
	case []int32:
		if b.typ == accel.Int32 {
			bytes = bytesAt(unsafe.Pointer(unsafe.SliceData(v)), 4*len(v))
			break
		}
		return nil, 0, nil, fmt.Errorf("%s %v and %d int32", b.typ, t.Shape, len(v))
	default:
		return nil, 0, nil, fmt.Errorf("%T is neither []float32 nor []int32", host)
	}
	return c, pointer(t), bytes, nil
}

// bytesAt is n bytes of memory as a slice.
func bytesAt(p unsafe.Pointer, n int) []byte { return unsafe.Slice((*byte)(p), n) }

// hostBytes allocates pinned memory, on the worker.
func hostBytes(n int) ([]byte, error) {
	p, err := drv.HostAlloc(n)
	if err != nil {
		return nil, err
	}
	return bytesAt(p, n), nil
}
