package cpu

import (
	"errors"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/internal/operand"
)

// planes is x [B, C, ...] seen as B*C rows of positions elements. Work goes row by row in the order of memory: the rows of one
// channel lie a large power of two apart and would drive each other out of the cache.
type planes struct{ batch, c, positions int }

// planesOf checks the operands: nin inputs, x among them or the output, those at like of x's size, channel vectors at vecs.
func planesOf(x accel.Tensor, out, in []accel.Tensor, nin int, like, vecs []int) (planes, error) {
	if err := operand.Arity(out, in, 1, nin); err != nil {
		return planes{}, err
	}
	b, c, s, err := channels(x)
	if err != nil {
		return planes{}, err
	}
	for _, i := range like {
		if err := operand.VectorOf(b*c*s, in[i]); err != nil {
			return planes{}, err
		}
	}
	for _, i := range vecs {
		if err := operand.VectorOf(c, in[i]); err != nil {
			return planes{}, err
		}
	}
	return planes{b, c, s}, nil
}

// count is the number of elements of a channel.
func (p planes) count() float32 { return float32(p.batch * p.positions) }

// eachRow calls f with the range of each row and its channel, and with lanes to work in.
func (p planes) eachRow(d *Device, f func(acc *[2]lanes, k, lo, hi int)) {
	d.pool.run(p.batch*p.c, grain(p.positions), func(first, last int) {
		acc := new([2]lanes)
		for r := first; r < last; r++ {
			f(acc, r%p.c, r*p.positions, (r+1)*p.positions)
		}
	})
}

// sum fills dst [C] with sums over the channels: add takes a row to lanes; the rows' totals are added in order of samples.
func (p planes) sum(d *Device, dst []float32, add func(acc *lanes, k, lo, hi int)) {
	totals := d.borrow(p.batch * p.c)
	defer d.giveBack(totals)
	p.eachRow(d, func(acc *[2]lanes, k, lo, hi int) {
		acc[0] = lanes{}
		add(&acc[0], k, lo, hi)
		totals[lo/p.positions] = acc[0].total()
	})
	d.sumBlocks(dst, totals)
}

// moments fills mean and biased variance [C], in two passes.
func (p planes) moments(d *Device, x, mean, variance []float32) {
	p.sum(d, mean, func(acc *lanes, _, lo, hi int) { d.level.sum(acc, x[lo:hi]) })
	for k := range mean {
		mean[k] /= p.count()
	}
	p.sum(d, variance, func(acc *lanes, k, lo, hi int) { d.level.sumSquares(acc, x[lo:hi], mean[k]) })
	for k := range variance {
		variance[k] /= p.count()
	}
}

// gradientSums fills the channels' sums of dy and of dy * (x - mean), which row returns for a row; they are added as in sum.
func (p planes) gradientSums(d *Device, s, sx []float32, row func(acc *[2]lanes, k, lo, hi int) (s, sx float32)) {
	n := p.batch * p.c
	totals := d.borrow(2 * n)
	defer d.giveBack(totals)
	p.eachRow(d, func(acc *[2]lanes, k, lo, hi int) {
		r := lo / p.positions
		totals[r], totals[n+r] = row(acc, k, lo, hi)
	})
	d.sumBlocks(s, totals[:n])
	d.sumBlocks(sx, totals[n:])
}

// normalise: y = (x - mean) / sqrt(variance + eps) * gain + bias, and then what finish does to each row.
func (p planes) normalise(d *Device, eps float32, y, x, gain, bias, mean, variance []float32, finish func(lo, hi int)) {
	p.eachRow(d, func(_ *[2]lanes, k, lo, hi int) {
		d.level.normScalar(y[lo:hi], x[lo:hi], mean[k], rsqrt(variance[k], eps)*gain[k], bias[k])
		finish(lo, hi)
	})
}

// dparams fills out [dgain | dbias] by x, mean and variance; row returns the sums of a row, of which it gets x.
func (p planes) dparams(d *Device, eps float32, out accel.Tensor, in []accel.Tensor, row func(acc *[2]lanes, x []float32, mean float32, k, lo, hi int) (s, sx float32)) error {
	x, mean, variance := f32(in[0]), f32(in[1]), f32(in[2])
	if err := errors.Join(operand.VectorOf(p.batch*p.c*p.positions, in[0]), operand.VectorOf(2*p.c, out)); err != nil {
		return err
	}
	dgain, dbias := f32(out)[:p.c], f32(out)[p.c:]
	p.gradientSums(d, dbias, dgain, func(acc *[2]lanes, k, lo, hi int) (s, sx float32) {
		return row(acc, x[lo:hi], mean[k], k, lo, hi)
	})
	for k := range dgain {
		dgain[k] *= rsqrt(variance[k], eps)
	}
	return nil
}
