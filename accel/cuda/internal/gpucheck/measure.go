//go:build nvidia

package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/cuda"
	"github.com/pipe-ml/pipe/accel/cuda/internal/roofline"
)

// bench is a device with a stream to time on.
type bench struct {
	device *cuda.Device
	stream accel.Stream
	rounds int
	round  time.Duration // that one should take, by repeating
}

func (c card) bench(p cuda.Precision) (b bench, err error) {
	d, err := cuda.Open(0, p)
	if err != nil {
		return b, err
	}
	b = bench{device: d.(*cuda.Device), rounds: 15, round: 2 * time.Millisecond}
	if c.double {
		b.rounds, b.round = 2, 0
	}
	b.stream, err = d.NewStream()
	return b, err
}

// time is the median time of a case's kernel over rounds, each of which repeats it; two launches come before.
func (b bench) time(c roofline.Case) (median time.Duration, err error) {
	var operands []accel.Tensor
	defer func() {
		for _, x := range operands {
			err = errors.Join(err, b.device.Free(x.Buf))
		}
	}()
	noise := make([]float32, 1<<20)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range noise {
		noise[i] = float32(r.NormFloat64())
	}
	for i, shape := range slices.Concat(c.Out, c.In) {
		n := accel.Volume(shape)
		buf, err := b.device.Alloc(accel.Float32, n)
		if err != nil {
			return 0, err
		}
		x := accel.Tensor{Buf: buf, Shape: shape}
		operands = append(operands, x)
		for at := 0; i >= len(c.Out) && at < n; at += len(noise) {
			part := accel.Tensor{Buf: buf, Off: at, Shape: []int{min(len(noise), n-at)}}
			if err := b.device.CopyIn(b.stream, part, noise[:part.Len()]); err != nil {
				return 0, err
			}
		}
	}
	k, err := b.device.Kernel(c.Kernel)
	if err != nil {
		return 0, err
	}
	out, in := operands[:len(c.Out)], operands[len(c.Out):]
	repeated := func(times int) (time.Duration, error) {
		took, err := b.device.Time(b.stream, func() error {
			for range times {
				if err := b.device.Launch(b.stream, k, c.Attrs, out, in); err != nil {
					return err
				}
			}
			return nil
		})
		return took / time.Duration(times), err
	}
	if _, err := repeated(1); err != nil { // compiles
		return 0, err
	}
	once, err := repeated(1)
	if err != nil {
		return 0, err
	}
	times := min(max(1, int(b.round/max(once, 1))), 200)
	all := make([]time.Duration, b.rounds)
	for i := range all {
		if all[i], err = repeated(times); err != nil {
			return 0, err
		}
	}
	slices.Sort(all)
	return all[len(all)/2], nil
}

// variants times a case: linear layers by cuBLAS, where it is, and by our kernels; the others are ours. The name says which.
func (b bench) variants(c roofline.Case, done func(by string, took time.Duration)) error {
	blas, err := b.device.ByCUBLAS(b.stream, false)
	if err != nil {
		return err
	}
	linear := slices.Contains([]string{"linear", "linear.dx", "linear.dw"}, c.Kernel)
	if linear && blas {
		took, err := b.time(c)
		if err != nil {
			return fmt.Errorf("%s %s: %w", c.Kernel, c.Shapes(), err)
		}
		done("cuBLAS", took)
		own := b
		if own.stream, err = b.device.NewStream(); err != nil {
			return err
		}
		if _, err := b.device.ByCUBLAS(own.stream, true); err != nil {
			return err
		}
		b = own
	}
	took, err := b.time(c)
	if err != nil {
		return fmt.Errorf("%s %s: %w", c.Kernel, c.Shapes(), err)
	}
	done("ours", took)
	return nil
}
