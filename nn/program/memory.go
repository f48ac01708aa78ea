package program

import (
	"errors"
	"fmt"
	"slices"

	"github.com/pipe-ml/pipe/accel"
)

// Memory holds named float32 parameters on a device, shared by all programs that are compiled with it: a
// training and an evaluation program see the same weights. Work of all of them runs in order on one stream.
// It is for one goroutine at a time.
type Memory struct {
	dev    accel.Device
	stream accel.Stream
	err    error // of the stream's making
	params map[string]accel.Tensor
}

// NewMemory returns an empty memory on dev. If dev gives no stream, the first Set or Compile says so.
func NewMemory(dev accel.Device) *Memory {
	s, err := dev.NewStream()
	return &Memory{dev: dev, stream: s, err: err, params: map[string]accel.Tensor{}}
}

// Device is where the memory lies.
func (m *Memory) Device() accel.Device { return m.dev }

// Stream orders the work of the memory's programs; an optimiser launches its kernels on it.
func (m *Memory) Stream() accel.Stream { return m.stream }

// Set stores a parameter. A name that exists keeps its place, so programs see the new value; its shape must
// not change.
func (m *Memory) Set(name string, shape []int, data []float32) error {
	if m.err != nil {
		return m.err
	}
	t, ok := m.params[name]
	if !ok {
		t = accel.Tensor{Shape: slices.Clone(shape)}
	}
	if !slices.Equal(t.Shape, shape) {
		return fmt.Errorf("parameter %s has shape %v, not %v", name, t.Shape, shape)
	}
	if t.Len() != len(data) {
		return fmt.Errorf("parameter %s %v: %d values", name, shape, len(data))
	}
	if !ok {
		buf, err := m.dev.Alloc(accel.Float32, len(data))
		if err != nil {
			return fmt.Errorf("parameter %s: %w", name, err)
		}
		t.Buf = buf
		m.params[name] = t
	}
	if err := m.dev.CopyIn(m.stream, t, data); err != nil {
		return fmt.Errorf("parameter %s: %w", name, err)
	}
	return nil
}

// Share is Set of a new parameter that programs only read. A device that computes in the host's memory reads data itself, which must not
// change before Close; another one gets a copy.
func (m *Memory) Share(name string, shape []int, data []float32) error {
	dev, ok := m.dev.(accel.Borrower)
	if !ok || m.err != nil || m.Has(name) {
		return m.Set(name, shape, data)
	}
	t := accel.Tensor{Shape: slices.Clone(shape)}
	if t.Len() != len(data) {
		return fmt.Errorf("parameter %s %v: %d values", name, shape, len(data))
	}
	var err error
	if t.Buf, err = dev.Borrow(data); err != nil {
		return fmt.Errorf("parameter %s: %w", name, err)
	}
	m.params[name] = t
	return nil
}

// Get copies a parameter to the host.
func (m *Memory) Get(name string) ([]float32, error) {
	t, err := m.Tensor(name)
	if err != nil {
		return nil, err
	}
	data := make([]float32, t.Len())
	return data, m.dev.CopyOut(m.stream, data, t)
}

// Tensor is a parameter's place on the device.
func (m *Memory) Tensor(name string) (accel.Tensor, error) {
	t, ok := m.params[name]
	if !ok {
		return t, fmt.Errorf("no parameter %s in memory", name)
	}
	return t, nil
}

// Has tells whether name is a parameter.
func (m *Memory) Has(name string) bool { _, ok := m.params[name]; return ok }

// Names lists the parameters, sorted.
func (m *Memory) Names() []string {
	names := make([]string, 0, len(m.params))
	for n := range m.params {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// Bytes is the size of all parameters.
func (m *Memory) Bytes() int64 {
	var n int64
	for _, t := range m.params {
		n += int64(t.Len() * accel.Float32.Size())
	}
	return n
}

// Close frees the parameters. Programs that use them must be closed before.
func (m *Memory) Close() error {
	var errs []error
	for _, n := range m.Names() {
		errs = append(errs, m.dev.Free(m.params[n].Buf))
	}
	clear(m.params)
	return errors.Join(errs...)
}
