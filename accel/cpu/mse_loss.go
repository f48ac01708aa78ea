package cpu

import (
	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/internal/operand"
	"github.com/pipe-ml/pipe/accel/kernel"
)

func init() {
	register("mse_loss", func(d *Device, _ kernel.MSELoss, out, in []accel.Tensor) error {
		if err := operand.Arity(out, in, 1, 2); err != nil {
			return err
		}
		if err := operand.VectorOf(in[0].Len(), in[1]); err != nil {
			return err
		}
		x, y := f32(in[0]), f32(in[1])
		sum := d.blockSum(len(x), func(acc *lanes, lo, hi int) { d.level.sumSquaresDiff(acc, x[lo:hi], y[lo:hi]) })
		f32(out[0])[0] = float32(sum / float64(max(len(x), 1)))
		return nil
	})
	register("mse_loss.dx", func(d *Device, _ kernel.MSELoss, out, in []accel.Tensor) error {
		if err := operand.Arity(out, in, 1, 3); err != nil {
			return err
		}
		if err := operand.VectorOf(out[0].Len(), in[0], in[1]); err != nil {
			return err
		}
		dx, x, y := f32(out[0]), f32(in[0]), f32(in[1])
		f := 2 * f32(in[2])[0] / float32(len(dx))
		d.pool.run(len(dx), elementGrain, func(lo, hi int) {
			d.level.subScale(dx[lo:hi], x[lo:hi], y[lo:hi], f)
		})
		return nil
	})
	register("sum_squares", func(d *Device, _ kernel.SumSquares, out, in []accel.Tensor) error {
		if err := operand.Arity(out, in, 1, 1); err != nil {
			return err
		}
		x := f32(in[0])
		f32(out[0])[0] = float32(d.blockSum(len(x), func(acc *lanes, lo, hi int) { d.level.sumSquares(acc, x[lo:hi], 0) }))
		return nil
	})
}

// blockSum adds a long vector: add takes blocks of 4096 elements to lanes, whose totals are added in order in float64.
func (d *Device) blockSum(n int, add func(acc *lanes, lo, hi int)) float64 {
	const block = 4096
	blocks := (n + block - 1) / block
	totals := d.borrow(blocks)
	defer d.giveBack(totals)
	d.pool.run(blocks, elementGrain/block, func(lo, hi int) {
		acc := new(lanes)
		for b := lo; b < hi; b++ {
			*acc = lanes{}
			add(acc, b*block, min((b+1)*block, n))
			totals[b] = acc.total()
		}
	})
	sum := 0.0
	for _, v := range totals {
		sum += float64(v)
	}
	return sum
}
