//go:build nvidia

package cuda

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"unsafe"

	"gorgonia.org/cu"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/cuda/drv"
)

// launch is one launch of a kernel, which may run several functions.
type launch struct {
	dev     *Device
	stream  *stream
	entry   *entry
	out, in []accel.Tensor
}

// Launch checks the operands and queues k.
func (d *Device) Launch(s accel.Stream, k accel.Kernel, attrs any, out, in []accel.Tensor) (err error) {
	e, ok := k.(*entry)
	if !ok {
		return fmt.Errorf("kernel %q belongs to another device than %s", k.Name(), d.Name())
	}
	l := &launch{dev: d, entry: e, out: out, in: in}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
		if err != nil {
			err = &LaunchError{Device: d.Name(), Kernel: e.name, Shapes: shapes(out, in), Err: err}
		}
	}()
	if l.stream, err = d.stream(s); err != nil {
		return err
	}
	if err := l.checkOperands(); err != nil {
		return err
	}
	l.stream.scratch.begin(d)
	d.remember(l)
	return e.run(l, attrs)
}

// checkOperands refuses foreign, freed, huge and overlapping operands and those that leave their buffer.
func (l *launch) checkOperands() error {
	for i, t := range l.in {
		if _, err := l.dev.buffer(t); err != nil {
			return fmt.Errorf("input %d: %w", i, err)
		}
		if t.Len() >= mostElements {
			return fmt.Errorf("input %d has %d elements, the most is 2^30", i, t.Len())
		}
	}
	for i, t := range l.out {
		if _, err := l.dev.buffer(t); err != nil {
			return fmt.Errorf("output %d: %w", i, err)
		}
		if t.Len() >= mostElements {
			return fmt.Errorf("output %d has %d elements, the most is 2^30", i, t.Len())
		}
		for j, u := range l.in {
			if overlap(t, u) {
				return fmt.Errorf("output %d overlaps input %d", i, j)
			}
		}
		for j, u := range l.out[:i] {
			if overlap(t, u) {
				return fmt.Errorf("output %d overlaps output %d", i, j)
			}
		}
	}
	return nil
}

func overlap(a, b accel.Tensor) bool {
	return a.Buf == b.Buf && a.Off < b.Off+b.Len() && b.Off < a.Off+a.Len()
}

// grid is how a function is spread: blocks, and threads of a block, by x, y, z; shared is dynamic shared memory in bytes. Zeros of y
// and z count as 1.
type grid struct {
	blocks, threads [3]int
	shared          int
}

// threads is the number of threads of a block, unless a kernel says otherwise.
const threads = 256

// each has a thread for each of n elements.
func each(n int) grid { return grid{blocks: [3]int{divide(n, threads)}, threads: [3]int{threads}} }

// eachRow has a block for each of n rows of cols elements: as many threads as REDUCE needs for a row, a power of two from 32 on.
func eachRow(n, cols int) grid {
	t := 32
	for t < threads && t < cols {
		t *= 2
	}
	return grid{blocks: [3]int{n}, threads: [3]int{t}}
}

// divide rounds up.
func divide(n, by int) int { return (n + by - 1) / by }

// ints marks an operand that a function reads as int32.
type ints accel.Tensor

// none is an operand that is left out.
type none struct{}

// finding is what a function reports by FAIL: two parameters, the word and the tag.
type finding string

// run queues a function of the kernels. Arguments are float32 tensors, ints, none, int, float32, uint32, uint64 or a finding, whose
// number and types must be those of the function's parameters. An empty grid runs nothing.
func (l *launch) run(function string, g grid, args ...any) error {
	for i := range g.blocks {
		if i > 0 {
			g.blocks[i], g.threads[i] = max(g.blocks[i], 1), max(g.threads[i], 1)
		}
		if i > 0 && g.blocks[i] > math.MaxUint16 {
			return fmt.Errorf("%s: %d blocks, the most is 65535", function, g.blocks[i])
		}
	}
	if g.shared > l.dev.maxShared {
		return fmt.Errorf("%s needs %d bytes of shared memory, the card has %d a block", function, g.shared, l.dev.maxShared)
	}
	src, err := find(function)
	if err != nil {
		return err
	}
	var slots []slot
	for i, arg := range args {
		s, err := l.slots(arg)
		if err != nil {
			return fmt.Errorf("%s: argument %d: %w", function, i, err)
		}
		slots = append(slots, s...)
	}
	if !slices.EqualFunc(slots, src.params, func(s slot, p string) bool { return s.typ == p }) {
		return fmt.Errorf("%s has the parameters %v, not those of %T", function, src.params, args)
	}
	if g.blocks[0] == 0 {
		return nil
	}
	l.stream.post(l.queued(), func() error {
		f, err := l.dev.loaded.get(function, src.file)
		if err != nil {
			return err
		}
		if g.shared > 48<<10 {
			if err := drv.SetDynamicShared(f, g.shared); err != nil {
				return err
			}
		}
		params := make([]unsafe.Pointer, len(slots))
		for i := range slots {
			params[i] = unsafe.Pointer(&slots[i].bits)
		}
		b, t := g.blocks, g.threads
		return f.Launch(b[0], b[1], b[2], t[0], t[1], t[2], g.shared, l.stream.queue, params)
	})
	return nil
}

// slot is a parameter: 8 bytes, for cu reads as many of each, and its type as PTX names it.
type slot struct {
	bits uint64
	typ  string
}

// slots are the parameters that an argument becomes.
func (l *launch) slots(arg any) ([]slot, error) {
	switch v := arg.(type) {
	case accel.Tensor:
		p, err := operand(v, accel.Float32)
		return []slot{{p, "u64"}}, err
	case ints:
		p, err := operand(accel.Tensor(v), accel.Int32)
		return []slot{{p, "u64"}}, err
	case none:
		return []slot{{0, "u64"}}, nil
	case int:
		if v != int(int32(v)) {
			return nil, fmt.Errorf("%d is more than 32 bits hold", v)
		}
		return []slot{{uint64(uint32(v)), "u32"}}, nil
	case float32:
		return []slot{{uint64(math.Float32bits(v)), "f32"}}, nil
	case uint32:
		return []slot{{uint64(v), "u32"}}, nil
	case uint64:
		return []slot{{v, "u64"}}, nil
	case finding:
		tag := l.stream.bad.tag(check{l.entry.name, string(v)})
		return []slot{{uint64(l.stream.bad.word), "u64"}, {uint64(tag), "u32"}}, nil
	}
	return nil, fmt.Errorf("a kernel takes no %T", arg)
}

func operand(t accel.Tensor, want accel.DType) (uint64, error) {
	if t.Buf.DType() != want {
		return 0, fmt.Errorf("operand %v is %s, want %s", t.Shape, t.Buf.DType(), want)
	}
	return uint64(pointer(t)), nil
}

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

// queuedLaunch names a launch.
type queuedLaunch struct {
	stream  *stream
	name    string
	out, in []accel.Tensor
}

func (l *launch) queued() queuedLaunch {
	return queuedLaunch{stream: l.stream, name: l.entry.name, out: l.out, in: l.in}
}

func (q queuedLaunch) String() string { return strings.TrimSpace(q.name + " " + shapes(q.out, q.in)) }

// shapes prints the shapes of a launch: "[2 3] <- [2 4] [3 4]"; nothing if there are none.
func shapes(out, in []accel.Tensor) string {
	if len(out)+len(in) == 0 {
		return ""
	}
	s := ""
	for _, t := range out {
		s += fmt.Sprint(t.Shape) + " "
	}
	s += "<-"
	for _, t := range in {
		s += " " + fmt.Sprint(t.Shape)
	}
	return s
}

// mostSuspects is the number of launches that are remembered for the report of a fault.
const mostSuspects = 16

// remember notes a launch until its stream has settled.
func (d *Device) remember(l *launch) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.since) == mostSuspects {
		copy(d.since, d.since[1:])
		d.since = d.since[:mostSuspects-1]
	}
	d.since = append(d.since, l.queued())
}

// forget drops what has run.
func (d *Device) forget(s *stream) {
	d.mu.Lock()
	defer d.mu.Unlock()
	kept := d.since[:0]
	for _, q := range d.since {
		if q.stream != s {
			kept = append(kept, q)
		}
	}
	d.since = kept
}

// suspects are the launches that nobody has waited for.
func (d *Device) suspects() []queuedLaunch {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]queuedLaunch(nil), d.since...)
}
