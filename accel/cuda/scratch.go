//go:build nvidia

package cuda

import (
	"errors"

	"gorgonia.org/cu"

	"github.com/pipe-ml/pipe/accel"
)

// scratch is a stream's work space. A piece of it holds until the stream's next launch. The graphs of a stream share it, for their
// launches are in the stream's order, and what they have seen is kept until they are closed.
type scratch struct {
	arena   *buffer
	used    int
	lent    int       // elements, in this launch
	retired []*buffer // outgrown in this launch
}

// begin takes back what the last launch was lent.
func (s *scratch) begin(d *Device) {
	s.used, s.lent = 0, 0
	for _, b := range s.retired {
		s.giveBack(d, b)
	}
	s.retired = nil
}

// giveBack returns what has been outgrown, unless a graph uses it.
func (s *scratch) giveBack(d *Device, b *buffer) {
	if b.held > 0 || b == s.arena {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.memory.scratch -= class(b.bytes())
	d.memory.keep(class(b.bytes()), b.ptr)
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
		b, err := l.dev.reserve(accel.Float32, max(s.lent+n, 1<<16)) // all that such a launch needs, so that the next one finds it
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
	if r := l.stream.recording; r != nil {
		r.hold(s.arena)
	}
	t := accel.Tensor{Buf: s.arena, Off: s.used, Shape: shape}
	s.used += (n + 63) / 64 * 64
	s.lent += (n + 63) / 64 * 64
	return t, nil
}
