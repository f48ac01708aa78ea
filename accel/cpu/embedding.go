package cpu

import (
	"fmt"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/internal/operand"
	"github.com/pipe-ml/pipe/accel/kernel"
)

func init() {
	register("embedding", func(d *Device, _ kernel.Embedding, out, in []accel.Tensor) error {
		if err := operand.Arity(out, in, 1, 2); err != nil {
			return err
		}
		width, err := embeddingOperands(out[0], in[0], in[1])
		if err != nil {
			return err
		}
		y, ids, w := f32(out[0]), i32(in[0]), f32(in[1])
		d.pool.run(len(ids), grain(width), func(lo, hi int) {
			for i := lo; i < hi; i++ {
				copy(y[i*width:(i+1)*width], w[int(ids[i])*width:])
			}
		})
		return nil
	})
	register("embedding.dw", func(d *Device, _ kernel.Embedding, out, in []accel.Tensor) error {
		if err := operand.Arity(out, in, 1, 2); err != nil {
			return err
		}
		width, err := embeddingOperands(in[1], in[0], out[0])
		if err != nil {
			return err
		}
		dw, ids, dy := f32(out[0]), i32(in[0]), f32(in[1])
		// Each chunk owns a range of the vocabulary and looks through all ids, so rows are added in order of index.
		d.pool.run(out[0].Shape[0], max(grain(width), out[0].Shape[0]/64), func(lo, hi int) {
			clear(dw[lo*width : hi*width])
			for i, id := range ids {
				if int(id) >= lo && int(id) < hi {
					row := dw[int(id)*width : (int(id)+1)*width]
					d.level.add(row, row, dy[i*width:])
				}
			}
		})
		return nil
	})
}

// embeddingOperands checks that ids lie in the vocabulary of w [V, D] and that y holds a row for each; it returns D.
func embeddingOperands(y, ids, w accel.Tensor) (width int, err error) {
	if len(w.Shape) != 2 {
		return 0, fmt.Errorf("the table %v is not [V, D]", w.Shape)
	}
	for i, id := range i32(ids) {
		if id < 0 || int(id) >= w.Shape[0] {
			return 0, fmt.Errorf("id %d at position %d is outside a vocabulary of %d", id, i, w.Shape[0])
		}
	}
	return w.Shape[1], operand.VectorOf(ids.Len()*w.Shape[1], y)
}
