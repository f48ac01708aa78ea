package cpu

import (
	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/internal/operand"
	"github.com/pipe-ml/pipe/accel/kernel"
)

// sumBlock is the number of rows that are added to one partial sum; the partial sums are added in order.
const sumBlock = 64

func init() {
	register("reduce_to", func(d *Device, _ kernel.ReduceTo, out, in []accel.Tensor) error {
		if err := operand.Arity(out, in, 1, 1); err != nil {
			return err
		}
		g, err := groupsOf(in[0].Shape, out[0].Shape)
		if err != nil {
			return err
		}
		if g.repeated {
			g.sumRows(d, f32(out[0]), f32(in[0]))
		} else {
			g.sumColumns(d, f32(out[0]), f32(in[0]))
		}
		return nil
	})
}

// sumRows adds whole rows: each element of y is one 16-lane sum over its rows of x.
func (g *groups) sumRows(d *Device, y, x []float32) {
	kept, reduced := g.split()
	n := steps(reduced)
	d.pool.run(steps(kept), grain(n*g.cols), func(lo, hi int) {
		acc := new(lanes)
		for k := lo; k < hi; k++ {
			base, at := offsets(kept, k)
			*acc = lanes{}
			for i := range n {
				from, _ := offsets(reduced, i)
				d.level.sum(acc, x[base+from:base+from+g.cols])
			}
			y[at] = acc.total()
		}
	})
}

// sumColumns adds rows to rows: blocks of sumBlock rows to partial sums, those to y.
func (g *groups) sumColumns(d *Device, y, x []float32) {
	kept, reduced := g.split()
	n := steps(reduced)
	blocks := (n + sumBlock - 1) / sumBlock
	partial := d.borrow(steps(kept) * blocks * g.cols)
	defer d.giveBack(partial)
	d.pool.run(steps(kept)*blocks, grain(min(n, sumBlock)*g.cols), func(lo, hi int) {
		for b := lo; b < hi; b++ {
			base, _ := offsets(kept, b/blocks)
			acc := partial[b*g.cols : (b+1)*g.cols]
			first := b % blocks * sumBlock
			for i := first; i < min(first+sumBlock, n); i++ {
				from, _ := offsets(reduced, i)
				row := x[base+from : base+from+g.cols]
				if i == first {
					copy(acc, row)
				} else {
					d.level.add(acc, acc, row)
				}
			}
		}
	})
	d.pool.run(steps(kept), grain(blocks*g.cols), func(lo, hi int) {
		for k := lo; k < hi; k++ {
			_, at := offsets(kept, k)
			d.sumBlocks(y[at:at+g.cols], partial[k*blocks*g.cols:(k+1)*blocks*g.cols])
		}
	})
}

// sumBlocks adds the rows of partial, which are as long as y, in order.
func (d *Device) sumBlocks(y, partial []float32) {
	n := copy(y, partial)
	for ; n < len(partial); n += len(y) {
		d.level.add(y, y, partial[n:n+len(y)])
	}
}
