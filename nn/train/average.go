package train

import (
	"errors"
	"fmt"
	"math"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/kernel"
	"github.com/pipe-ml/pipe/nn/program"
)

// Average chooses an exponential moving average of the state over the updates, as timm's ModelEmaV3 (running statistics included):
// average = Decay*average + (1-Decay)*state. The first update sets it. With Warmup the decay of update n is at most
// 1 - n^(-2/3). The zero value is none.
type Average struct {
	Decay  float64
	Warmup bool
}

// Validate refuses a decay that is none.
func (a Average) Validate() error {
	if !(a.Decay >= 0 && a.Decay < 1) {
		return fmt.Errorf("the decay %v of the average of the weights is not from 0 to below 1", a.Decay)
	}
	return nil
}

// at is the decay of an update, counted from 1.
func (a Average) at(update int) float64 {
	if update <= 1 {
		return 0
	}
	if a.Warmup {
		root := math.Cbrt(float64(update))
		return min(a.Decay, 1-1/(root*root))
	}
	return a.Decay
}

// averages holds the average of named parameters on the device.
type averages struct {
	mem    *program.Memory
	blend  accel.Kernel
	names  []string
	values []accel.Tensor
}

func newAverages(mem *program.Memory, names []string) (*averages, error) {
	a := &averages{mem: mem, names: names}
	var err error
	if a.blend, err = mem.Device().Kernel("blend"); err != nil {
		return nil, err
	}
	for _, name := range names {
		t, err := mem.Tensor(name)
		if err == nil {
			t, err = alike(mem.Device(), t)
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("average of %s: %w", name, err), a.close())
		}
		a.values = append(a.values, t)
	}
	return a, nil
}

// alike allocates a tensor of t's shape.
func alike(dev accel.Device, t accel.Tensor) (accel.Tensor, error) {
	buf, err := dev.Alloc(accel.Float32, t.Len())
	return accel.Tensor{Buf: buf, Shape: t.Shape}, err
}

// update moves the averages towards the parameters.
func (a *averages) update(decay float64) error {
	attrs := kernel.Blend{A: float32(1 - decay), B: float32(decay)}
	for i, name := range a.names {
		now, err := a.mem.Tensor(name)
		if err != nil {
			return err
		}
		err = a.mem.Device().Launch(a.mem.Stream(), a.blend, attrs, []accel.Tensor{a.values[i]}, []accel.Tensor{now})
		if err != nil {
			return fmt.Errorf("average of %s: %w", name, err)
		}
	}
	return a.mem.Stream().Sync()
}

// swap exchanges the averages with the parameters.
func (a *averages) swap() error {
	for i, name := range a.names {
		now, err := a.mem.Get(name)
		if err != nil {
			return err
		}
		average, err := read(a.mem, a.values[i])
		if err != nil {
			return err
		}
		if err := errors.Join(a.mem.Set(name, a.values[i].Shape, average), a.mem.Device().CopyIn(a.mem.Stream(), a.values[i], now)); err != nil {
			return err
		}
	}
	return nil
}

// read copies a tensor to the host.
func read(mem *program.Memory, t accel.Tensor) ([]float32, error) {
	data := make([]float32, t.Len())
	return data, mem.Device().CopyOut(mem.Stream(), data, t)
}

func (a *averages) close() error {
	var errs []error
	for _, t := range a.values {
		errs = append(errs, a.mem.Device().Free(t.Buf))
	}
	a.values = nil
	return errors.Join(errs...)
}
