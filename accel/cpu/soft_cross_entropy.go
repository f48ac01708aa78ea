package cpu

import (
	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/internal/operand"
	"github.com/pipe-ml/pipe/accel/kernel"
)

func init() {
	register("soft_cross_entropy", softCrossEntropy)
	register("soft_cross_entropy.dx", softCrossEntropyDx)
}

// softCrossEntropy: a row's loss is log sum exp(x - max x) sum(t) - sum(t (x - max x)).
func softCrossEntropy(d *Device, _ kernel.SoftCrossEntropy, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 1, 2); err != nil {
		return err
	}
	if err := operand.VectorOf(in[0].Len(), in[1]); err != nil {
		return err
	}
	logits, targets := f32(in[0]), f32(in[1])
	n, c := operand.Rows(in[0])
	f32(out[0])[0] = d.meanLoss(n, c, n, func(acc *lanes, e []float32, i int) float32 {
		x, t := logits[i*c:(i+1)*c], targets[i*c:(i+1)*c]
		top, sum := d.level.softmax(acc, e, x)
		*acc = lanes{}
		d.level.sum(acc, t)
		mass := acc.total()
		*acc = lanes{}
		d.level.shift(e, x, -top)
		d.level.dot(acc, e, t)
		return float32(logf(sum)*mass) - acc.total()
	})
	return nil
}

// softCrossEntropyDx: dlogits = (softmax(x) sum(t) - t) dloss / N.
func softCrossEntropyDx(d *Device, _ kernel.SoftCrossEntropy, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 1, 3); err != nil {
		return err
	}
	if err := operand.VectorOf(in[0].Len(), out[0], in[1]); err != nil {
		return err
	}
	dx, logits, targets := f32(out[0]), f32(in[0]), f32(in[1])
	n, c := operand.Rows(in[0])
	f := f32(in[2])[0] / float32(max(n, 1))
	d.pool.run(n, grain(c), func(lo, hi int) {
		acc := new(lanes)
		for i := lo; i < hi; i++ {
			row, t := dx[i*c:(i+1)*c], targets[i*c:(i+1)*c]
			_, sum := d.level.softmax(acc, row, logits[i*c:(i+1)*c])
			*acc = lanes{}
			d.level.sum(acc, t)
			share := acc.total() / sum
			for k, e := range row {
				row[k] = f * (float32(e*share) - t[k])
			}
		}
	})
	return nil
}
