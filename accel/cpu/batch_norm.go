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

func batchNormTrain(d *Device, a kernel.BatchNorm, out, in []accel.Tensor) error {
	p, err := planesOf(in[0], out, in, 3, nil, []int{1, 2})
	if err != nil {
		return err
	}
	x, gain, bias := f32(in[0]), f32(in[1]), f32(in[2])
	if err := vectorOf(len(x)+2*p.c, out[0]); err != nil {
		return err
	}
	y, mean, variance := f32(out[0])[:len(x)], f32(out[0])[len(x):len(x)+p.c], f32(out[0])[len(x)+p.c:]
	p.moments(d, x, mean, variance)
	p.normalise(d, a.Eps, y, x, gain, bias, mean, variance)
	d.level.scale(variance, variance, p.count()/max(p.count()-1, 1))
	return nil
}

// batchNormTrainDx: dx = gain * rstd * (dy - mean(dy) - xhat * mean(dy * xhat)) with xhat = (x - mean) * rstd.
func batchNormTrainDx(d *Device, a kernel.BatchNorm, out, in []accel.Tensor) error {
	p, err := planesOf(in[0], out, in, 3, []int{2}, []int{1})
	if err != nil {
		return err
	}
	dx, x, gain, dy := f32(out[0]), f32(in[0]), f32(in[1]), f32(in[2])
	if err := vectorOf(len(x), out[0]); err != nil {
		return err
	}
	mean, variance, s, sx, done := p.channelVectors(d)
	defer done()
	p.moments(d, x, mean, variance)
	p.gradientSums(d, x, dy, mean, s, sx)
	p.eachRow(d, func(_ *lanes, k, lo, hi int) {
		rstd := rsqrt(variance[k], a.Eps)
		f := rstd * gain[k]
		m1, m2 := f*(s[k]/p.count()), f*rstd*(float32(sx[k]*rstd)/p.count())
		d.level.normScalarDx(dx[lo:hi], x[lo:hi], dy[lo:hi], mean[k], f, m1, m2)
	})
	return nil
}

func batchNormTrainDparams(d *Device, a kernel.BatchNorm, out, in []accel.Tensor) error {
	p, err := planesOf(in[0], out, in, 2, []int{1}, nil)
	if err != nil {
		return err
	}
	x, dy := f32(in[0]), f32(in[1])
	mean, variance, _, _, done := p.channelVectors(d)
	defer done()
	p.moments(d, x, mean, variance)
	return p.dparams(d, a.Eps, out[0], x, dy, mean, variance)
}

func batchNormEval(d *Device, a kernel.BatchNorm, out, in []accel.Tensor) error {
	p, err := planesOf(in[0], out, in, 5, nil, []int{1, 2, 3, 4})
	if err != nil {
		return err
	}
	if err := vectorOf(in[0].Len(), out[0]); err != nil {
		return err
	}
	p.normalise(d, a.Eps, f32(out[0]), f32(in[0]), f32(in[1]), f32(in[2]), f32(in[3]), f32(in[4]))
	return nil
}

func batchNormEvalDx(d *Device, a kernel.BatchNorm, out, in []accel.Tensor) error {
	p, err := planesOf(out[0], out, in, 3, []int{2}, []int{0, 1})
	if err != nil {
		return err
	}
	dx, gain, variance, dy := f32(out[0]), f32(in[0]), f32(in[1]), f32(in[2])
	p.eachRow(d, func(_ *lanes, k, lo, hi int) {
		d.level.scale(dx[lo:hi], dy[lo:hi], rsqrt(variance[k], a.Eps)*gain[k])
	})
	return nil
}

func batchNormEvalDparams(d *Device, a kernel.BatchNorm, out, in []accel.Tensor) error {
	p, err := planesOf(in[0], out, in, 4, []int{3}, []int{1, 2})
	if err != nil {
		return err
	}
	return p.dparams(d, a.Eps, out[0], f32(in[0]), f32(in[3]), f32(in[1]), f32(in[2]))
}
