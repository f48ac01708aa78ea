//go:build nvidia

package cuda

import (
	"fmt"
	"sync"
	"sync/atomic"

	"gorgonia.org/cu"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/cuda/drv"
)

// Device is one card as an accel.Device.
type Device struct {
	worker
	index     int
	card      cu.Device
	major     int // of the compute capability
	minor     int
	precision Precision
	caps      accel.Caps
	maxShared int // bytes of shared memory that a block may ask for

	closed atomic.Bool
	fault  atomic.Pointer[FaultError]

	loaded functions // used by the worker alone

	mu      sync.Mutex // guards what follows
	memory  pool
	streams []*stream
	spent   []cu.Event // events that nobody waits for any more
	since   []queuedLaunch
}

var _ accel.Device = (*Device)(nil)

// Built says whether this binary has CUDA.
const Built = true

// Open takes the card of an index, counted as CUDA_VISIBLE_DEVICES does. The error wraps ErrNoDevice where there is no card at all.
func Open(index int, p Precision) (accel.Device, error) {
	n, err := count()
	if err != nil {
		return nil, err
	}
	if index < 0 || index >= n {
		return nil, fmt.Errorf("there is no cuda:%d: the cards are 0 to %d", index, n-1)
	}
	d := &Device{index: index, precision: p, memory: newPool()}
	if err := d.open(); err != nil {
		return nil, fmt.Errorf("%s cannot be opened: %w", d.Name(), drv.Explain(err))
	}
	return d, nil
}

// count is the number of cards, one at least.
func count() (int, error) {
	n, err := cu.NumDevices()
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrNoDevice, drv.Explain(err))
	}
	if n == 0 {
		reason := drv.Reason()
		if reason == "" {
			reason = "the driver finds no card (is CUDA_VISIBLE_DEVICES empty?)"
		}
		return 0, fmt.Errorf("%w: %s; use the CPU", ErrNoDevice, reason)
	}
	return n, nil
}

// look asks the driver what the card is.
func (d *Device) look() error {
	var err error
	if d.card, err = cu.GetDevice(d.index); err != nil {
		return err
	}
	d.caps = accel.Caps{Kind: "cuda"}
	if d.caps.Model, err = d.card.Name(); err != nil {
		return err
	}
	if d.caps.Memory, err = d.card.TotalMem(); err != nil {
		return err
	}
	for attribute, to := range map[cu.DeviceAttribute]*int{
		cu.MultiprocessorCount: &d.caps.Threads, cu.ComputeCapabilityMajor: &d.major, cu.ComputeCapabilityMinor: &d.minor, drv.MaxSharedOptin: &d.maxShared,
	} {
		if *to, err = d.card.Attribute(attribute); err != nil {
			return err
		}
	}
	d.caps.Threads, d.maxShared = max(d.caps.Threads, 1), max(d.maxShared, 48<<10)
	return nil
}

func (d *Device) open() error {
	if err := d.look(); err != nil {
		return err
	}
	if d.major < 7 {
		return fmt.Errorf("%s has compute capability %d.%d; the kernels need 7.0 (Volta) or later", d.caps.Model, d.major, d.minor)
	}
	if d.precision == BFloat16 {
		if d.major < 8 {
			return fmt.Errorf("%s has compute capability %d.%d; bf16 needs 8.0 (Ampere) or later: use float32", d.caps.Model, d.major, d.minor)
		}
		d.caps.Model += ", bf16"
	}
	d.caps.Model += ", " + products()
	return d.start(d.card)
}

// Name is "cuda:0" for the first card.
func (d *Device) Name() string { return fmt.Sprintf("cuda:%d", d.index) }

// Caps says which card it is; Threads are its multiprocessors.
func (d *Device) Caps() accel.Caps { return d.caps }

// Close waits for all work and gives the card back. Live buffers are an error: they are a leak of the caller's. A second Close does
// nothing.
func (d *Device) Close() error {
	if d.closed.Swap(true) {
		return nil
	}
	err := d.stop(func() error {
		err := cu.Synchronize()
		for _, s := range d.streams {
			s.close()
		}
		d.loaded.unload()
		if e := d.memory.release(); err == nil {
			err = e
		}
		if e := d.ctx.Destroy(); err == nil {
			err = e
		}
		return err
	})
	if d.fault.Load() != nil {
		err = nil // every call has said so already
	}
	if err != nil {
		return fmt.Errorf("%s: close: %w", d.Name(), err)
	}
	if m := d.Mem(); m.Buffers > 0 {
		return fmt.Errorf("%s closed with %d live buffers (%d bytes)", d.Name(), m.Buffers, m.Live)
	}
	return nil
}

// usable refuses a closed device and one that has failed.
func (d *Device) usable() error {
	if d.closed.Load() {
		return errClosed
	}
	if f := d.fault.Load(); f != nil {
		return f
	}
	return nil
}

// sticky lists the driver's errors after which a context is lost.
var sticky = map[int]bool{214: true, 220: true, 700: true, 702: true, 710: true, 714: true, 715: true, 716: true, 717: true, 718: true, 719: true}

// explain gives an error of the driver its text, and turns one that loses the context into the device's FaultError. suspects are the launches
// that may be the cause.
func (d *Device) explain(err error, suspects ...queuedLaunch) error {
	if err == nil || !sticky[drv.Code(err)] {
		return drv.Explain(err)
	}
	f := &FaultError{Device: d.Name(), Err: drv.Explain(err)}
	for _, q := range suspects {
		f.Launches = append(f.Launches, q.String())
	}
	d.fault.CompareAndSwap(nil, f)
	return d.fault.Load()
}
