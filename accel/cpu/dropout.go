package cpu

import (
	"fmt"
	"slices"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/kernel"
	"github.com/pipe-ml/pipe/accel/rng"
)

func init() {
	register("dropout.train", dropout)
}

// dropout keeps element i if its word of the block i/4 of the step is not below P as a fraction of 2^32.
func dropout(d *Device, a kernel.Dropout, out, in []accel.Tensor) error {
	if err := arity(out, in, 1, 2); err != nil {
		return err
	}
	if !slices.Equal(out[0].Shape, in[0].Shape) || in[1].Len() != 1 {
		return fmt.Errorf("want x and one step number")
	}
	y, x, step := f32(out[0]), f32(in[0]), uint32(i32(in[1])[0])
	key := [2]uint32{uint32(a.Key), uint32(a.Key >> 32)}
	threshold := uint64(float64(a.P) * (1 << 32))
	keep := 1 / (1 - a.P)
	d.pool.run(len(y), elementGrain, func(lo, hi int) {
		for i := lo; i < hi; i += 4 {
			block := uint64(i / 4)
			words := rng.Philox([4]uint32{uint32(block), uint32(block >> 32), step, 0}, key)
			for j := i; j < min(i+4, hi); j++ {
				y[j] = 0
				if uint64(words[j-i]) >= threshold {
					y[j] = x[j] * keep
				}
			}
		}
	})
	return nil
}
