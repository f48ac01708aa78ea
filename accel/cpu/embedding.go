package cpu

import (
	"fmt"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/kernel"
	"github.com/pipe-ml/pipe/accel/rng"
)

func init() {
	register("embedding", func(_ *Device, _ kernel.Embedding, out, in []accel.Tensor) error {
		if err := arity(out, in, 1, 2); err != nil {
			return err
		}
		y, ids, w := f32(out[0]), i32(in[0]), f32(in[1])
		rows, width := in[1].Shape[0], in[1].Shape[1]
		for i, id := range ids {
			if id < 0 || int(id) >= rows {
				return fmt.Errorf("id %d at position %d is outside a vocabulary of %d", id, i, rows)
			}
			copy(y[i*width:(i+1)*width], w[int(id)*width:])
		}
		return nil
	})
	register("embedding.dw", func(_ *Device, _ kernel.Embedding, out, in []accel.Tensor) error {
		if err := arity(out, in, 1, 2); err != nil {
			return err
		}
		dw, ids, dy := f32(out[0]), i32(in[0]), f32(in[1])
		width := out[0].Shape[1]
		clear(dw)
		for i, id := range ids {
			to := dw[int(id)*width : (int(id)+1)*width]
			for j, v := range dy[i*width : (i+1)*width] {
				to[j] += v
			}
		}
		return nil
	})
	register("dropout.train", func(d *Device, a kernel.Dropout, out, in []accel.Tensor) error {
		if err := arity(out, in, 1, 2); err != nil {
			return err
		}
		y, x, step := f32(out[0]), f32(in[0]), uint32(i32(in[1])[0])
		key := [2]uint32{uint32(a.Key), uint32(a.Key >> 32)}
		keep := 1 / (1 - a.P)
		d.pool.run(len(y), elementGrain, func(lo, hi int) {
			var words [4]uint32
			for i := lo; i < hi; i++ {
				if i == lo || i%4 == 0 {
					block := uint64(i / 4)
					words = rng.Philox([4]uint32{uint32(block), uint32(block >> 32), step, 0}, key)
				}
				y[i] = 0
				if float64(words[i%4]) >= float64(a.P)*(1<<32) {
					y[i] = x[i] * keep
				}
			}
		})
		return nil
	})
}
