package cpu

import (
	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/internal/operand"
	"github.com/pipe-ml/pipe/accel/kernel"
)

func init() {
	register("layer_norm", layerNorm)
	register("layer_norm.dx", layerNormDx)
	register("layer_norm.dparams", layerNormDparams)
}

// moments are the mean of a row and 1 / sqrt(variance + eps), in two passes. acc is work space.
func (l level) moments(acc *lanes, x []float32, eps float32) (mean, rstd float32) {
	n := float32(len(x))
	*acc = lanes{}
	l.sum(acc, x)
	mean = acc.total() / n
	*acc = lanes{}
	l.sumSquares(acc, x, mean)
	return mean, rsqrt(acc.total()/n, eps)
}

func layerNorm(d *Device, a kernel.LayerNorm, out, in []accel.Tensor) error {
	n, c, err := normRows(out, in, 3, in[0].Len())
	if err != nil {
		return err
	}
	if err := operand.VectorOf(c, in[1], in[2]); err != nil {
		return err
	}
	y, x, gain, bias := f32(out[0]), f32(in[0]), f32(in[1]), f32(in[2])
	d.pool.run(n, grain(c), func(lo, hi int) {
		acc := new(lanes)
		for i := lo * c; i < hi*c; i += c {
			mean, rstd := d.level.moments(acc, x[i:i+c], a.Eps)
			d.level.normRow(y[i:i+c], x[i:i+c], gain, bias, mean, rstd)
		}
	})
	return nil
}

// layerNormDx: dx = rstd * (g - mean(g) - xhat * mean(g * xhat)) with g = dy * gain and xhat = (x - mean) * rstd.
func layerNormDx(d *Device, a kernel.LayerNorm, out, in []accel.Tensor) error {
	n, c, err := normRows(out, in, 3, in[0].Len())
	if err != nil {
		return err
	}
	if err := operand.VectorOf(c, in[1]); err != nil {
		return err
	}
	dx, x, gain, dy := f32(out[0]), f32(in[0]), f32(in[1]), f32(in[2])
	if err := operand.VectorOf(len(x), in[2]); err != nil {
		return err
	}
	d.pool.run(n, grain(c), func(lo, hi int) {
		acc := new(lanes)
		for i := lo * c; i < hi*c; i += c {
			xs, dys := x[i:i+c], dy[i:i+c]
			mean, rstd := d.level.moments(acc, xs, a.Eps)
			*acc = lanes{}
			d.level.dot(acc, dys, gain)
			m1 := acc.total() / float32(c)
			*acc = lanes{}
			d.level.dotCentredScaled(acc, xs, dys, gain, mean)
			m2 := float32(acc.total()*rstd) / float32(c)
			d.level.normRowDx(dx[i:i+c], xs, dys, gain, mean, rstd, m1, m2)
		}
	})
	return nil
}

// layerNormDparams adds dy * xhat and dy over the rows: blocks of sumBlock rows to partial sums, those in order.
func layerNormDparams(d *Device, a kernel.LayerNorm, out, in []accel.Tensor) error {
	n, c, err := normRows(out, in, 2, 2*in[0].Shape[len(in[0].Shape)-1])
	if err != nil {
		return err
	}
	if err := operand.VectorOf(n*c, in[1]); err != nil {
		return err
	}
	packed, x, dy := f32(out[0]), f32(in[0]), f32(in[1])
	blocks := (n + sumBlock - 1) / sumBlock
	partial := d.borrow(blocks * 2 * c)
	defer d.giveBack(partial)
	d.pool.run(blocks, 1, func(lo, hi int) {
		acc := new(lanes)
		for b := lo; b < hi; b++ {
			p := partial[b*2*c : (b+1)*2*c]
			clear(p)
			for r := b * sumBlock; r < min((b+1)*sumBlock, n); r++ {
				xs := x[r*c : (r+1)*c]
				mean, rstd := d.level.moments(acc, xs, a.Eps)
				d.level.normRowDparams(p[:c], p[c:], xs, dy[r*c:], mean, rstd)
			}
		}
	})
	d.sumBlocks(packed, partial)
	return nil
}

// normRows checks the numbers of operands and the output's size and returns the first input's rows.
func normRows(out, in []accel.Tensor, nin, size int) (n, cols int, err error) {
	if err := operand.Arity(out, in, 1, nin); err != nil {
		return 0, 0, err
	}
	n, cols = operand.Rows(in[0])
	return n, cols, operand.VectorOf(size, out[0])
}
