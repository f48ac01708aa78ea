package optest

import (
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/pipe-ml/pipe/accel"
)

// Guard is a device that watches the launches on another one. Each operand is moved to a place of its own
// between guard bands, off the alignment of buffers; outputs are NaN before the launch. A write outside of the outputs
// or to an input is an error of the launch.
type Guard struct {
	accel.Device

	mu       sync.Mutex
	launched map[string]int
	count    int
}

// NewGuard watches dev.
func NewGuard(dev accel.Device) *Guard { return &Guard{Device: dev, launched: map[string]int{}} }

// Launched counts the launches by kernel.
func (g *Guard) Launched(kernel string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.launched[kernel]
}

// inPlace lists the kernels whose outputs are read first.
var inPlace = []string{"adamw", "sgd", "blend"}

const (
	band      = 32
	sentinel  = float32(-7.25e30)
	sentinelI = int32(-1234567891)
)

// Launch runs k on copies of its operands and checks what it wrote.
func (g *Guard) Launch(s accel.Stream, k accel.Kernel, attrs any, out, in []accel.Tensor) error {
	g.mu.Lock()
	g.launched[k.Name()]++
	g.count++
	shift := g.count % 4
	g.mu.Unlock()

	outs, err := g.lend(s, out, shift, !slices.Contains(inPlace, k.Name()))
	defer g.release(outs)
	if err != nil {
		return err
	}
	ins, err := g.lend(s, in, shift, false)
	defer g.release(ins)
	if err != nil {
		return err
	}
	if err := g.Device.Launch(s, k, attrs, tensors(outs), tensors(ins)); err != nil {
		return err
	}
	for i, l := range ins {
		if at, err := l.changed(g.Device, s, 0, l.whole.Len()); err != nil {
			return err
		} else if at >= 0 {
			return fmt.Errorf("kernel %s changed input %d or its surroundings at element %d of %v", k.Name(), i, at-l.inner.Off, l.inner.Shape)
		}
	}
	for i, l := range outs {
		end := l.inner.Off + l.inner.Len()
		for _, r := range [][2]int{{0, l.inner.Off}, {end, l.whole.Len()}} {
			if at, err := l.changed(g.Device, s, r[0], r[1]); err != nil {
				return err
			} else if at >= 0 {
				return fmt.Errorf("kernel %s wrote outside of output %d at element %d of %v", k.Name(), i, at-l.inner.Off, l.inner.Shape)
			}
		}
		if err := l.copyBack(g.Device, s, out[i]); err != nil {
			return err
		}
	}
	return nil
}

// loan is an operand's guarded copy.
type loan struct {
	whole, inner accel.Tensor
	f            []float32 // content of whole before the launch
	i            []int32
}

func tensors(ls []loan) []accel.Tensor {
	ts := make([]accel.Tensor, len(ls))
	for i, l := range ls {
		ts[i] = l.inner
	}
	return ts
}

func (g *Guard) lend(s accel.Stream, ts []accel.Tensor, shift int, poison bool) ([]loan, error) {
	var ls []loan
	for _, t := range ts {
		n := t.Len() + 2*band
		buf, err := g.Device.Alloc(t.Buf.DType(), n)
		if err != nil {
			return ls, err
		}
		l := loan{whole: accel.Tensor{Buf: buf, Shape: []int{n}}}
		l.inner = accel.Tensor{Buf: buf, Off: band - shift, Shape: t.Shape}
		ls = append(ls, l)
		if err := ls[len(ls)-1].fill(g.Device, s, t, poison); err != nil {
			return ls, err
		}
	}
	return ls, nil
}

func (l *loan) fill(dev accel.Device, s accel.Stream, t accel.Tensor, poison bool) error {
	lo, n := l.inner.Off, t.Len()
	if t.Buf.DType() == accel.Int32 {
		l.i = slices.Repeat([]int32{sentinelI}, l.whole.Len())
		if err := dev.CopyOut(s, l.i[lo:lo+n], t); err != nil {
			return err
		}
		return dev.CopyIn(s, l.whole, l.i)
	}
	l.f = slices.Repeat([]float32{sentinel}, l.whole.Len())
	if err := dev.CopyOut(s, l.f[lo:lo+n], t); err != nil {
		return err
	}
	for k := lo; poison && k < lo+n; k++ {
		l.f[k] = float32(math.NaN())
	}
	return dev.CopyIn(s, l.whole, l.f)
}

// changed finds the first element of [lo, hi) that is not as it was; -1 if none.
func (l *loan) changed(dev accel.Device, s accel.Stream, lo, hi int) (int, error) {
	if l.i != nil {
		now := make([]int32, l.whole.Len())
		if err := dev.CopyOut(s, now, l.whole); err != nil {
			return 0, err
		}
		for k := lo; k < hi; k++ {
			if now[k] != l.i[k] {
				return k, nil
			}
		}
		return -1, nil
	}
	now := make([]float32, l.whole.Len())
	if err := dev.CopyOut(s, now, l.whole); err != nil {
		return 0, err
	}
	for k := lo; k < hi; k++ {
		if math.Float32bits(now[k]) != math.Float32bits(l.f[k]) {
			return k, nil
		}
	}
	return -1, nil
}

func (l *loan) copyBack(dev accel.Device, s accel.Stream, t accel.Tensor) error {
	data := make([]float32, t.Len())
	if err := dev.CopyOut(s, data, l.inner); err != nil {
		return err
	}
	return dev.CopyIn(s, t, data)
}

func (g *Guard) release(ls []loan) {
	for _, l := range ls {
		_ = g.Device.Free(l.whole.Buf) // a failure shows as a leak when the device is closed
	}
}
