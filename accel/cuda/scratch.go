//go:build nvidia

package cuda

import (
	"errors"

	"gorgonia.org/cu"

	"github.com/pipe-ml/pipe/accel"
)

// scratch is a stream's work space. A piece of it holds until the stream's next launch.
type scratch struct {
	arena   *buffer
	used    int
	retired []*buffer // outgrown in this launch
}

// begin takes back what the last launch was lent.
func (s *scratch) begin(d *Device) {
	s.used = 0
	if len(s.retired) == 0 {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, b := range s.retired {
		d.memory.scratch -= class(b.bytes())
		d.memory.keep(class(b.bytes()), b.ptr)
	}
	s.retired = nil
}

func (s *scratch) close() {
	for _, b := range append(s.retired, s.arena) {
		if b != nil {
			_ = cu.MemFree(b.ptr)
		}
	}
}

// scratch lends float32 of any content, in a shape.
func (l *launch) scratch(shape ...int) (accel.Tensor, error) {
	s, n := &l.stream.scratch, accel.Volume(shape)
	if n >= mostElements {
		return accel.Tensor{}, errors.New("more scratch than 2^30 elements")
	}
	if s.arena == nil || s.used+n > s.arena.n {
		b, err := l.dev.reserve(accel.Float32, max(n, 1<<16))
		if err != nil {
			return accel.Tensor{}, err
		}
		if s.arena != nil {
			s.retired = append(s.retired, s.arena)
		}
		s.arena, s.used = b, 0
		l.dev.mu.Lock()
		l.dev.memory.scratch += class(b.bytes())
		l.dev.mu.Unlock()
	}
	t := accel.Tensor{Buf: s.arena, Off: s.used, Shape: shape}
	s.used += (n + 63) / 64 * 64
	return t, nil
}
