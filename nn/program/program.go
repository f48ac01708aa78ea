package program

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"gorgonia.org/gorgonia"

	"github.com/pipe-ml/pipe/accel"
)

// Program computes its outputs from its inputs and the parameters in Memory. It is for one goroutine at a time.
type Program struct {
	mem     *Memory
	dev     accel.Device
	steps   []step
	values  map[*gorgonia.Node]accel.Tensor // outputs
	inputs  map[*gorgonia.Node]*input
	buffers []accel.Buffer
	work    accel.Repeated // the steps
}

// step is one launch.
type step struct {
	node    *gorgonia.Node
	kernel  accel.Kernel
	attrs   any
	out, in []accel.Tensor
}

type input struct {
	tensor accel.Tensor
	set    bool
}

// Uses tells whether n is an input of the program; leaves that the outputs do not need are not.
func (p *Program) Uses(n *gorgonia.Node) bool { _, ok := p.inputs[n]; return ok }

// Set gives an input its value, a []float32 or []int32 of as many elements as the node.
func (p *Program) Set(n *gorgonia.Node, data any) error {
	in, ok := p.inputs[n]
	if !ok {
		return fmt.Errorf("%s is not an input of the program", n.Name())
	}
	size := 0
	switch d := data.(type) {
	case []float32:
		size = len(d)
	case []int32:
		size = len(d)
	}
	if size != in.tensor.Len() {
		return fmt.Errorf("input %s %v: %d values", n.Name(), in.tensor.Shape, size)
	}
	if err := p.dev.CopyIn(p.mem.stream, in.tensor, data); err != nil {
		return fmt.Errorf("input %s: %w", n.Name(), err)
	}
	in.set = true
	return nil
}

// Run computes all outputs. ctx is looked at between launches; a program that was stopped or failed may be run again.
func (p *Program) Run(ctx context.Context) error {
	if err := p.Start(ctx); err != nil {
		return err
	}
	return p.mem.stream.Sync()
}

// Start is Run that leaves the device at work: the inputs may be given their next values, and Value waits and returns the error of the work.
func (p *Program) Start(ctx context.Context) error {
	if err := errors.Join(p.ready(), ctx.Err()); err != nil {
		return err
	}
	return p.work.Run(func() error {
		for i := range p.steps {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := p.launch(&p.steps[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// Refused is why a device that can replay launches as a graph launches this program's one by one.
func (p *Program) Refused() error { return p.work.Refused() }

func (p *Program) launch(s *step) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("node %s: kernel %s: panic: %v", s.node.Name(), s.kernel.Name(), r)
		}
	}()
	if err := p.dev.Launch(p.mem.stream, s.kernel, s.attrs, s.out, s.in); err != nil {
		return fmt.Errorf("node %s: %w", s.node.Name(), err)
	}
	return nil
}

// ready checks that the program is open and every input has a value.
func (p *Program) ready() error {
	if p.buffers == nil {
		return errors.New("the program is closed")
	}
	var unset []string
	for n, in := range p.inputs {
		if !in.set {
			unset = append(unset, n.Name())
		}
	}
	if len(unset) > 0 {
		slices.Sort(unset)
		return fmt.Errorf("inputs without a value: %s", strings.Join(unset, ", "))
	}
	return nil
}

// Tensor is an output's place on the device. Its content holds until the next Run.
func (p *Program) Tensor(n *gorgonia.Node) (accel.Tensor, error) {
	t, ok := p.values[n]
	if !ok {
		return t, fmt.Errorf("%s is not an output of the program", n.Name())
	}
	return t, nil
}

// Value copies an output to the host.
func (p *Program) Value(n *gorgonia.Node) ([]float32, error) {
	t, err := p.Tensor(n)
	if err != nil {
		return nil, err
	}
	data := make([]float32, t.Len())
	return data, p.dev.CopyOut(p.mem.stream, data, t)
}

// Bytes is the size of the program's memory: the arena, inputs and constants, without the parameters.
func (p *Program) Bytes() int64 {
	var n int64
	for _, b := range p.buffers {
		n += int64(b.Len() * b.DType().Size())
	}
	return n
}

// Close frees the program's memory. A second Close does nothing.
func (p *Program) Close() error {
	errs := []error{p.work.Close()}
	for _, b := range p.buffers {
		errs = append(errs, p.dev.Free(b))
	}
	p.buffers = nil
	return errors.Join(errs...)
}

// alloc returns a tensor in a buffer of the program's.
func (p *Program) alloc(t accel.DType, shape []int) (accel.Tensor, error) {
	x := accel.Tensor{Shape: shape}
	buf, err := p.dev.Alloc(t, x.Len())
	if err != nil {
		return x, err
	}
	x.Buf = buf
	p.buffers = append(p.buffers, buf)
	return x, nil
}
