package cpu

import (
	"errors"
	"math"
	"slices"
	"unsafe"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/internal/operand"
	"github.com/pipe-ml/pipe/accel/kernel"
	"github.com/pipe-ml/pipe/accel/rng"
)

func init() {
	register("dropout.train", dropout)
}

// dropout keeps element i if its word of the block i/4 of the step is not below P as a fraction of 2^32.
func dropout(d *Device, a kernel.Dropout, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 1, 2); err != nil {
		return err
	}
	if !slices.Equal(out[0].Shape, in[0].Shape) || in[1].Len() != 1 {
		return errors.New("want x and one step number")
	}
	y, x, step := f32(out[0]), f32(in[0]), uint32(i32(in[1])[0])
	threshold := int64(float64(a.P) * (1 << 32))
	keep := 1 / (1 - a.P)
	d.pool.run(len(y), elementGrain, func(lo, hi int) {
		blocks := newPhiloxBlocks(a.Key, step)
		for i := lo; i < hi; i += 4 * width {
			words := blocks.at(d.level, uint64(i/4))
			x := x[i:min(i+4*width, hi)]
			y := y[i:][:len(x)]
			for j, v := range x {
				kept := uint32((threshold - 1 - int64(words[j%4][j/4])) >> 63) // all bits if the word reaches the threshold
				y[j] = math.Float32frombits(math.Float32bits(v*keep) & kept)
			}
		}
	})
	return nil
}

// philoxBlocks computes 16 blocks of random words at a time. Up to keys it is laid out as the assembly reads it.
type philoxBlocks struct {
	low, high, step uint32
	keys            [20]uint32 // of the rounds
	words           [4][width]uint32
	key             [2]uint32
}

func newPhiloxBlocks(key uint64, step uint32) *philoxBlocks {
	return &philoxBlocks{step: step, keys: rng.RoundKeys(key), key: [2]uint32{uint32(key), uint32(key >> 32)}}
}

// at returns words 0 to 3 of the blocks first, first+1, .... first is a multiple of 16.
func (b *philoxBlocks) at(l level, first uint64) *[4][width]uint32 {
	b.low, b.high = uint32(first), uint32(first>>32)
	if f := assembly[l].philox; f != nil {
		w := func(i int) *float32 { return (*float32)(unsafe.Pointer(&b.words[i])) }
		f(width, w(0), w(1), w(2), w(3), (*float32)(unsafe.Pointer(b)))
		return &b.words
	}
	for i := range uint32(width) {
		block := rng.Philox([4]uint32{b.low + i, b.high, b.step, 0}, b.key)
		for j, w := range block {
			b.words[j][i] = w
		}
	}
	return &b.words
}
