//go:build nvidia

package cuda

import (
	"fmt"
	"math"
	"slices"
	"unsafe"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/cuda/drv"
	"github.com/pipe-ml/pipe/accel/internal/operand"
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
	d.remember(l.queued())
	return e.run(l, attrs)
}

// checkOperands refuses foreign, freed, huge and overlapping operands and those that leave their buffer.
func (l *launch) checkOperands() error {
	read, written := map[accel.Buffer][]int{}, map[accel.Buffer][]int{}
	for i, t := range l.in {
		if err := l.checkOperand(t); err != nil {
			return fmt.Errorf("input %d%w", i, err)
		}
		read[t.Buf] = append(read[t.Buf], i)
	}
	for i, t := range l.out {
		if err := l.checkOperand(t); err != nil {
			return fmt.Errorf("output %d%w", i, err)
		}
		for _, j := range read[t.Buf] {
			if operand.Overlap(t, l.in[j]) {
				return fmt.Errorf("output %d overlaps input %d", i, j)
			}
		}
		for _, j := range written[t.Buf] {
			if operand.Overlap(t, l.out[j]) {
				return fmt.Errorf("output %d overlaps output %d", i, j)
			}
		}
		written[t.Buf] = append(written[t.Buf], i)
	}
	return nil
}

func (l *launch) checkOperand(t accel.Tensor) error {
	if _, err := l.dev.buffer(t); err != nil {
		return fmt.Errorf(": %w", err)
	}
	if t.Len() >= mostElements {
		return fmt.Errorf(" has %d elements, the most is 2^30", t.Len())
	}
	return nil
}

// overlap says whether two places in one buffer do.
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

// eachRow has a block for each of n rows of cols elements: a thread an element up to 256, a power of two from a warp on.
func eachRow(n, cols int) grid {
	t := 32
	for t < threads && t < cols {
		t *= 2
	}
	return grid{blocks: [3]int{n}, threads: [3]int{t}}
}

// divide rounds up.
func divide(n, by int) int { return (n + by - 1) / by }

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
