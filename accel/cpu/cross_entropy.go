package cpu

import (
	"fmt"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/internal/operand"
	"github.com/pipe-ml/pipe/accel/kernel"
)

func init() {
	register("cross_entropy", crossEntropy)
	register("cross_entropy.dx", crossEntropyDx)
}

// crossEntropyOperands checks logits and labels and returns the number of labels that count.
func crossEntropyOperands(out, in []accel.Tensor, nin int) (counted int, err error) {
	if err := operand.Arity(out, in, 1, nin); err != nil {
		return 0, err
	}
	n, c := operand.Rows(in[0])
	if err := operand.VectorOf(n, in[1]); err != nil {
		return 0, err
	}
	for i, label := range i32(in[1]) {
		if int(label) >= c {
			return 0, fmt.Errorf("label %d of row %d is not below %d classes", label, i, c)
		}
		if label >= 0 {
			counted++
		}
	}
	return counted, nil
}

// softmax sets e to exp(x - max x) and returns the largest element and the sum of e.
func (l level) softmax(acc *lanes, e, x []float32) (top, sum float32) {
	top = l.maximum(acc, x)
	l.expShift(e, x, top)
	*acc = lanes{}
	l.sum(acc, e)
	return top, acc.total()
}

// crossEntropy: a row's loss is log sum exp(x) - (1-s) x_label - s mean(x).
func crossEntropy(d *Device, a kernel.CrossEntropy, out, in []accel.Tensor) error {
	counted, err := crossEntropyOperands(out, in, 2)
	if err != nil {
		return err
	}
	logits, labels := f32(in[0]), i32(in[1])
	n, c := operand.Rows(in[0])
	f32(out[0])[0] = d.meanLoss(n, c, counted, func(acc *lanes, e []float32, i int) float32 {
		if labels[i] < 0 {
			return 0
		}
		x := logits[i*c : (i+1)*c]
		top, sum := d.level.softmax(acc, e, x)
		// Everything relative to the largest logit, so that large logits cost no precision.
		*acc = lanes{}
		d.level.shift(e, x, -top)
		d.level.sum(acc, e)
		mean := acc.total() / float32(c)
		return logf(sum) - float32((1-a.Smoothing)*(x[labels[i]]-top)) - float32(a.Smoothing*mean)
	})
	return nil
}

// meanLoss adds the losses of n rows of c logits in order and divides by counted; loss gives that of row i and may use acc and e [c].
func (d *Device) meanLoss(n, c, counted int, loss func(acc *lanes, e []float32, i int) float32) float32 {
	losses := d.borrow(n)
	defer d.giveBack(losses)
	d.pool.run(n, grain(c), func(lo, hi int) {
		acc, e := new(lanes), d.borrow(c)
		defer d.giveBack(e)
		for i := lo; i < hi; i++ {
			losses[i] = loss(acc, e, i)
		}
	})
	sum := 0.0
	for _, v := range losses {
		sum += float64(v)
	}
	return float32(sum / float64(max(counted, 1)))
}

// crossEntropyDx: dlogits = (softmax(x) - t) * dloss / counted.
func crossEntropyDx(d *Device, a kernel.CrossEntropy, out, in []accel.Tensor) error {
	counted, err := crossEntropyOperands(out, in, 3)
	if err != nil {
		return err
	}
	dx, logits, labels := f32(out[0]), f32(in[0]), i32(in[1])
	n, c := operand.Rows(in[0])
	if err := operand.VectorOf(n*c, out[0]); err != nil {
		return err
	}
	f := f32(in[2])[0] / float32(max(counted, 1))
	rest := f * (a.Smoothing / float32(c))
	d.pool.run(n, grain(c), func(lo, hi int) {
		acc := new(lanes)
		for i := lo; i < hi; i++ {
			row := dx[i*c : (i+1)*c]
			if labels[i] < 0 {
				clear(row)
				continue
			}
			_, sum := d.level.softmax(acc, row, logits[i*c:(i+1)*c])
			d.level.normScalar(row, row, 0, f/sum, -rest)
			row[labels[i]] -= float32(f * (1 - a.Smoothing))
		}
	})
	return nil
}
