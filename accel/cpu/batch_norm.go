package cpu

import (
	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/kernel"
)

func init() {
	register("batch_norm.train", batchNormTrain)
	register("batch_norm.train.dx", batchNormTrainDx)
	register("batch_norm.train.dparams", batchNormTrainDparams)
	register("batch_norm.eval", batchNormEval)
	register("batch_norm.eval.dx", batchNormEvalDx)
	register("batch_norm.eval.dparams", batchNormEvalDparams)
}

// planes is x [B, C, ...] seen as B*C rows of positions elements.
type planes struct{ batch, c, positions int }

// planesOf checks the operands: nin inputs, x among them or the output, those at like of x's size, channel vectors at vecs.
func planesOf(x accel.Tensor, out, in []accel.Tensor, nin int, like, vecs []int) (planes, error) {
	if err := arity(out, in, 1, nin); err != nil {
		return planes{}, err
	}
	b, c, s, err := channels(x)
	if err != nil {
		return planes{}, err
	}
	for _, i := range like {
		if err := vectorOf(b*c*s, in[i]); err != nil {
			return planes{}, err
		}
	}
	for _, i := range vecs {
		if err := vectorOf(c, in[i]); err != nil {
			return planes{}, err
		}
	}
	return planes{b, c, s}, nil
}

// count is the number of elements of a channel.
func (p planes) count() float32 { return float32(p.batch * p.positions) }

// each calls f with each channel, and with lanes to work in.
func (p planes) each(d *Device, f func(k int, acc *lanes)) {
	d.pool.run(p.c, grain(p.batch*p.positions), func(lo, hi int) {
		acc := new(lanes)
		for k := lo; k < hi; k++ {
			f(k, acc)
		}
	})
}

// row is the range of sample b and channel k.
func (p planes) row(b, k int) (lo, hi int) {
	lo = (b*p.c + k) * p.positions
	return lo, lo + p.positions
}

// moments are the mean and the biased variance of channel k, in two passes. Each adds the samples' 16-lane sums in order.
func (p planes) moments(d *Device, acc *lanes, x []float32, k int) (mean, variance float32) {
	var s float32
	for b := range p.batch {
		lo, hi := p.row(b, k)
		*acc = lanes{}
		d.level.sum(acc, x[lo:hi])
		s += acc.total()
	}
	mean = s / p.count()
	s = 0
	for b := range p.batch {
		lo, hi := p.row(b, k)
		*acc = lanes{}
		d.level.sumSquares(acc, x[lo:hi], mean)
		s += acc.total()
	}
	return mean, s / p.count()
}

// gradientSums returns the channel's sums of dy and of dy * (x - mean), samples in order.
func (p planes) gradientSums(d *Device, acc *lanes, x, dy []float32, k int, mean float32) (s, sx float32) {
	for b := range p.batch {
		lo, hi := p.row(b, k)
		t, tx := d.level.gradientSums(acc, x[lo:hi], dy[lo:hi], mean)
		s += t
		sx += tx
	}
	return s, sx
}

// normalise scales channel k.
func (p planes) normalise(d *Device, y, x []float32, k int, mean, scale, bias float32) {
	for b := range p.batch {
		lo, hi := p.row(b, k)
		d.level.normScalar(y[lo:hi], x[lo:hi], mean, scale, bias)
	}
}

func batchNormTrain(d *Device, a kernel.BatchNorm, out, in []accel.Tensor) error {
	p, err := planesOf(in[0], out, in, 3, nil, []int{1, 2})
	if err != nil {
		return err
	}
	x, gain, bias := f32(in[0]), f32(in[1]), f32(in[2])
	if err := vectorOf(len(x)+2*p.c, out[0]); err != nil {
		return err
	}
	y, stats := f32(out[0])[:len(x)], f32(out[0])[len(x):]
	unbias := p.count() / max(p.count()-1, 1)
	p.each(d, func(k int, acc *lanes) {
		mean, variance := p.moments(d, acc, x, k)
		p.normalise(d, y, x, k, mean, rsqrt(variance, a.Eps)*gain[k], bias[k])
		stats[k], stats[p.c+k] = mean, variance*unbias
	})
	return nil
}

func batchNormTrainDx(d *Device, a kernel.BatchNorm, out, in []accel.Tensor) error {
	p, err := planesOf(in[0], out, in, 3, []int{2}, []int{1})
	if err != nil {
		return err
	}
	dx, x, gain, dy := f32(out[0]), f32(in[0]), f32(in[1]), f32(in[2])
	p.each(d, func(k int, acc *lanes) {
		mean, variance := p.moments(d, acc, x, k)
		rstd := rsqrt(variance, a.Eps)
		s, sx := p.gradientSums(d, acc, x, dy, k, mean)
		f := rstd * gain[k]
		m1, m2 := f*(s/p.count()), f*rstd*(float32(sx*rstd)/p.count())
		for b := range p.batch {
			lo, hi := p.row(b, k)
			d.level.normScalarDx(dx[lo:hi], x[lo:hi], dy[lo:hi], mean, f, m1, m2)
		}
	})
	return nil
}

func batchNormTrainDparams(d *Device, a kernel.BatchNorm, out, in []accel.Tensor) error {
	p, err := planesOf(in[0], out, in, 2, []int{1}, nil)
	if err != nil {
		return err
	}
	if err := vectorOf(2*p.c, out[0]); err != nil {
		return err
	}
	packed, x, dy := f32(out[0]), f32(in[0]), f32(in[1])
	p.each(d, func(k int, acc *lanes) {
		mean, variance := p.moments(d, acc, x, k)
		s, sx := p.gradientSums(d, acc, x, dy, k, mean)
		packed[k], packed[p.c+k] = sx*rsqrt(variance, a.Eps), s
	})
	return nil
}

func batchNormEval(d *Device, a kernel.BatchNorm, out, in []accel.Tensor) error {
	p, err := planesOf(in[0], out, in, 5, nil, []int{1, 2, 3, 4})
	if err != nil {
		return err
	}
	y, x, gain, bias, mean, variance := f32(out[0]), f32(in[0]), f32(in[1]), f32(in[2]), f32(in[3]), f32(in[4])
	p.each(d, func(k int, _ *lanes) {
		p.normalise(d, y, x, k, mean[k], rsqrt(variance[k], a.Eps)*gain[k], bias[k])
	})
	return nil
}

func batchNormEvalDx(d *Device, a kernel.BatchNorm, out, in []accel.Tensor) error {
	p, err := planesOf(out[0], out, in, 3, []int{2}, []int{0, 1})
	if err != nil {
		return err
	}
	dx, gain, variance, dy := f32(out[0]), f32(in[0]), f32(in[1]), f32(in[2])
	p.each(d, func(k int, _ *lanes) {
		f := rsqrt(variance[k], a.Eps) * gain[k]
		for b := range p.batch {
			lo, hi := p.row(b, k)
			d.level.scale(dx[lo:hi], dy[lo:hi], f)
		}
	})
	return nil
}

func batchNormEvalDparams(d *Device, a kernel.BatchNorm, out, in []accel.Tensor) error {
	p, err := planesOf(in[0], out, in, 4, []int{3}, []int{1, 2})
	if err != nil {
		return err
	}
	if err := vectorOf(2*p.c, out[0]); err != nil {
		return err
	}
	packed, x, mean, variance, dy := f32(out[0]), f32(in[0]), f32(in[1]), f32(in[2]), f32(in[3])
	p.each(d, func(k int, acc *lanes) {
		s, sx := p.gradientSums(d, acc, x, dy, k, mean[k])
		packed[k], packed[p.c+k] = sx*rsqrt(variance[k], a.Eps), s
	})
	return nil
}
