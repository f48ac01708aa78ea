package optest

import (
	"fmt"
	"math/rand/v2"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/nn/op"
)

// Update is a kernel that no graph launches, for it updates weights in place or serves those that do.
type Update struct {
	Kernel string
	Attrs  func(step int) any // step counts from 1
	// Out and In give the operands for a size; every step draws In anew, and Out carries over.
	Out, In func(s int) []Input
	Ref     func(attrs any, out, in []op.Array)
	Tol     float64
}

var updates []Update

// updateSteps is how often a kernel updates the same operands.
const updateSteps = 4

// run launches the steps on dev and returns the outputs after the last; each step is compared with the reference if compared is true.
func (u Update) run(dev accel.Device, s int, compared bool) (last [][]float32, err error) {
	k, err := dev.Kernel(u.Kernel)
	if err != nil {
		return nil, err
	}
	stream, err := dev.NewStream()
	if err != nil {
		return nil, err
	}
	r := rand.New(rand.NewPCG(uint64(s), 9))
	var buffers []accel.Buffer
	defer func() {
		for _, b := range buffers {
			if e := dev.Free(b); err == nil {
				err = e
			}
		}
	}()
	fill := func(ins []Input) (ts []accel.Tensor, as []op.Array, err error) {
		for _, in := range ins {
			a := in.values(r)
			buf, err := dev.Alloc(accel.Float32, len(a.Data))
			if err != nil {
				return nil, nil, err
			}
			buffers = append(buffers, buf)
			t := accel.Tensor{Buf: buf, Shape: in.Shape}
			if err := dev.CopyIn(stream, t, host(a, false)); err != nil {
				return nil, nil, err
			}
			ts, as = append(ts, t), append(as, a)
		}
		return ts, as, nil
	}
	out, want, err := fill(u.Out(s))
	if err != nil {
		return nil, err
	}
	for step := 1; step <= updateSteps; step++ {
		in, args, err := fill(u.In(s))
		if err != nil {
			return nil, err
		}
		if err := dev.Launch(stream, k, u.Attrs(step), out, in); err != nil {
			return nil, err
		}
		u.Ref(u.Attrs(step), want, args)
		last = nil
		for i, t := range out {
			got := make([]float32, t.Len())
			if err := dev.CopyOut(stream, got, t); err != nil {
				return nil, err
			}
			last = append(last, got)
			if err := compare(got, want[i].Data, u.Tol); compared && err != nil {
				return nil, fmt.Errorf("step %d, output %d: %w", step, i, err)
			}
		}
	}
	return last, nil
}
