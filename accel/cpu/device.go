package cpu

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/internal/operand"
)

// Device is the CPU as an accel.Device.
type Device struct {
	level level
	pool  *pool

	closed atomic.Bool

	mu      sync.Mutex // guards what follows
	mem     accel.MemStats
	scratch [][]float32 // idle scratch, see borrow
}

var (
	_ accel.Device   = (*Device)(nil)
	_ accel.Borrower = (*Device)(nil)
)

// New returns a CPU device with the best level of this machine and the given number of threads;
// 0 or less means GOMAXPROCS. Close ends its workers.
func New(threads int) *Device {
	return newDevice(threads, bestLevel())
}

// NewLevel is New at a given level: "avx512", "avx2" or "go". A level that this machine lacks is an error.
func NewLevel(threads int, name string) (*Device, error) {
	for _, l := range levels() {
		if l.String() == name {
			return newDevice(threads, l), nil
		}
	}
	return nil, fmt.Errorf("cpu level %q is not available; this machine has %v", name, Levels())
}

func newDevice(threads int, l level) *Device {
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	return &Device{level: l, pool: newPool(threads)}
}

// Name is "cpu".
func (d *Device) Name() string { return "cpu" }

// Caps says which level and how many threads the device uses.
func (d *Device) Caps() accel.Caps {
	return accel.Caps{Kind: "cpu", Model: d.level.String(), Threads: d.pool.threads}
}

// Kernel finds a kernel by name.
func (d *Device) Kernel(name string) (accel.Kernel, error) {
	k, ok := table[name]
	if !ok {
		return nil, fmt.Errorf("cpu has no kernel %q", name)
	}
	return k, nil
}

// Launch runs k now. A panic inside the kernel becomes an error that names the kernel and the shapes.
func (d *Device) Launch(s accel.Stream, k accel.Kernel, attrs any, out, in []accel.Tensor) (err error) {
	e, ok := k.(*entry)
	if !ok {
		return fmt.Errorf("kernel %q belongs to another device than cpu", k.Name())
	}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
		if err != nil {
			err = fmt.Errorf("%s %s: %w", e.name, describe(out, in), err)
		}
	}()
	if err := d.checkStream(s); err != nil {
		return err
	}
	if err := d.checkOperands(out, in); err != nil {
		return err
	}
	return e.run(d, attrs, out, in)
}

// checkOperands refuses foreign, freed and overlapping operands and those that leave their buffer.
func (d *Device) checkOperands(out, in []accel.Tensor) error {
	for i, t := range in {
		if _, err := d.buffer(t); err != nil {
			return fmt.Errorf("input %d: %w", i, err)
		}
	}
	for i, t := range out {
		if _, err := d.writable(t); err != nil {
			return fmt.Errorf("output %d: %w", i, err)
		}
		for j, u := range in {
			if operand.Overlap(t, u) {
				return fmt.Errorf("output %d overlaps input %d", i, j)
			}
		}
		for j, u := range out[:i] {
			if operand.Overlap(t, u) {
				return fmt.Errorf("output %d overlaps output %d", i, j)
			}
		}
	}
	return nil
}

// describe prints the shapes of a launch: "[2 3] <- [2 4] [3 4]".
func describe(out, in []accel.Tensor) string {
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

// NewStream returns a stream. All work on it has run when the call that queued it returns.
func (d *Device) NewStream() (accel.Stream, error) { return &stream{d}, nil }

// Close ends the workers; no launch may be under way. Live buffers are an error: they are a leak of the caller's. A second
// Close does nothing.
func (d *Device) Close() error {
	if d.closed.Swap(true) {
		return nil
	}
	d.pool.close()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.scratch = nil
	if d.mem.Buffers > 0 {
		return fmt.Errorf("cpu closed with %d live buffers (%d bytes)", d.mem.Buffers, d.mem.Live)
	}
	return nil
}

// stream is a queue that is always empty.
type stream struct{ dev *Device }

func (s *stream) Sync() error                  { return nil }
func (s *stream) Record() (accel.Event, error) { return event{}, nil }
func (s *stream) Wait(accel.Event) error       { return nil }

type event struct{}

func (event) Sync() error { return nil }

func (d *Device) checkStream(s accel.Stream) error {
	if c, ok := s.(*stream); !ok || c.dev != d {
		return errors.New("the stream belongs to another device")
	}
	if d.closed.Load() {
		return errors.New("the device is closed")
	}
	return nil
}
