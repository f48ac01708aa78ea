package cpu

import (
	"errors"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/kernel"
)

func init() {
	for _, then := range []epilogue{{}, {relu: true}, {add: true, relu: true}} {
		register("batch_norm.train"+then.suffix(), func(d *Device, a kernel.BatchNorm, out, in []accel.Tensor) error {
			return batchNormTrain(d, a, then, out, in)
		})
		register("batch_norm.eval"+then.suffix(), func(d *Device, a kernel.BatchNorm, out, in []accel.Tensor) error {
			return batchNormEval(d, a, then, out, in)
		})
	}
	register("batch_norm.train.grad", batchNormTrainGrad)
	register("batch_norm.eval.dx", batchNormEvalDx)
	register("batch_norm.eval.dparams", batchNormEvalDparams)
}

func batchNormTrain(d *Device, a kernel.BatchNorm, then epilogue, out, in []accel.Tensor) error {
	if err := arity(out, in, 2, 3+then.operands()); err != nil {
		return err
	}
	p, err := planesOf(in[0], out[:1], in[:3], 3, nil, []int{1, 2})
	if err != nil {
		return err
	}
	x, gain, bias := f32(in[0]), f32(in[1]), f32(in[2])
	finish, err := then.on(d, out[0], in[3:])
	if err := errors.Join(err, vectorOf(len(x), out[0]), vectorOf(3*p.c, out[1])); err != nil {
		return err
	}
	mean, variance, rstd := f32(out[1])[:p.c], f32(out[1])[p.c:2*p.c], f32(out[1])[2*p.c:]
	p.moments(d, x, mean, variance)
	p.normalise(d, a.Eps, f32(out[0]), x, gain, bias, mean, variance, finish)
	for k, v := range variance {
		rstd[k] = rsqrt(v, a.Eps)
	}
	d.level.scale(variance, variance, p.count()/max(p.count()-1, 1))
	return nil
}

// batchNormTrainGrad: dx = gain * rstd * (dy - mean(dy) - xhat * mean(dy * xhat)) with xhat = (x - mean) * rstd, whose sums are the
// gradients of bias and gain.
func batchNormTrainGrad(d *Device, _ kernel.BatchNorm, out, in []accel.Tensor) error {
	if err := arity(out, in, 2, 5); err != nil {
		return err
	}
	p, err := planesOf(in[0], out[:1], in, 5, []int{4}, []int{1, 2, 3})
	if err != nil {
		return err
	}
	dx, x, gain, mean, rstd, dy := f32(out[0]), f32(in[0]), f32(in[1]), f32(in[2]), f32(in[3]), f32(in[4])
	if err := errors.Join(vectorOf(len(x), out[0]), vectorOf(2*p.c, out[1])); err != nil {
		return err
	}
	dgain, dbias := f32(out[1])[:p.c], f32(out[1])[p.c:]
	p.gradientSums(d, x, dy, mean, dbias, dgain)
	d.level.mul(dgain, dgain, rstd)
	p.eachRow(d, func(_ *lanes, k, lo, hi int) {
		f := rstd[k] * gain[k]
		m1, m2 := f*(dbias[k]/p.count()), f*rstd[k]*(dgain[k]/p.count())
		d.level.normScalarDx(dx[lo:hi], x[lo:hi], dy[lo:hi], mean[k], f, m1, m2)
	})
	return nil
}

func batchNormEval(d *Device, a kernel.BatchNorm, then epilogue, out, in []accel.Tensor) error {
	if err := arity(out, in, 1, 5+then.operands()); err != nil {
		return err
	}
	p, err := planesOf(in[0], out, in[:5], 5, nil, []int{1, 2, 3, 4})
	if err != nil {
		return err
	}
	finish, err := then.on(d, out[0], in[5:])
	if err := errors.Join(err, vectorOf(in[0].Len(), out[0])); err != nil {
		return err
	}
	p.normalise(d, a.Eps, f32(out[0]), f32(in[0]), f32(in[1]), f32(in[2]), f32(in[3]), f32(in[4]), finish)
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
