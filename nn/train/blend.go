package train

import (
	"errors"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/kernel"
	"github.com/pipe-ml/pipe/nn/program"
)

// blend is tensors that gather what others, their sources, hold from time to time: the average of the state over the updates, or
// the mean of the gradients of several batches.
type blend struct {
	mem     *program.Memory
	kernel  accel.Kernel
	sources []accel.Tensor
	values  []accel.Tensor
}

func newBlend(mem *program.Memory, sources []accel.Tensor) (*blend, error) {
	b := &blend{mem: mem, sources: sources}
	var err error
	if b.kernel, err = mem.Device().Kernel("blend"); err != nil {
		return nil, err
	}
	for _, t := range sources {
		buf, err := mem.Device().Alloc(accel.Float32, t.Len())
		if err != nil {
			return nil, errors.Join(err, b.close())
		}
		b.values = append(b.values, accel.Tensor{Buf: buf, Shape: t.Shape})
	}
	return b, nil
}

// take makes the values taken*source + kept*value.
func (b *blend) take(taken, kept float32) error {
	for i, source := range b.sources {
		err := b.mem.Device().Launch(b.mem.Stream(), b.kernel, kernel.Blend{A: taken, B: kept}, []accel.Tensor{b.values[i]}, []accel.Tensor{source})
		if err != nil {
			return err
		}
	}
	return b.mem.Stream().Sync()
}

// swap exchanges the values with the sources.
func (b *blend) swap() error {
	for i, source := range b.sources {
		now, err := read(b.mem, source)
		if err != nil {
			return err
		}
		value, err := read(b.mem, b.values[i])
		if err != nil {
			return err
		}
		if err := errors.Join(b.write(source, value), b.write(b.values[i], now)); err != nil {
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

func (b *blend) write(t accel.Tensor, data []float32) error {
	return b.mem.Device().CopyIn(b.mem.Stream(), t, data)
}

func (b *blend) close() error {
	var errs []error
	for _, t := range b.values {
		errs = append(errs, b.mem.Device().Free(t.Buf))
	}
	b.values = nil
	return errors.Join(errs...)
}
