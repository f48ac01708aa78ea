package cpu

import (
	"errors"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/internal/operand"
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
	for _, from := range prologues {
		register(from.prefix()+"batch_norm.train.grad", func(d *Device, _ kernel.BatchNorm, out, in []accel.Tensor) error {
			return batchNormTrainGrad(d, from, out, in)
		})
		register(from.prefix()+"batch_norm.eval.dx", func(d *Device, a kernel.BatchNorm, out, in []accel.Tensor) error {
			return batchNormEvalGrad(d, a, from, false, out, in)
		})
		register(from.prefix()+"batch_norm.eval.dx+batch_norm.eval.dparams", func(d *Device, a kernel.BatchNorm, out, in []accel.Tensor) error {
			return batchNormEvalGrad(d, a, from, true, out, in)
		})
	}
	register("batch_norm.eval.dparams", batchNormEvalDparams)
}

func batchNormTrain(d *Device, a kernel.BatchNorm, then epilogue, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 2, 3+then.operands()); err != nil {
		return err
	}
	p, err := planesOf(in[0], out[:1], in[:3], 3, nil, []int{1, 2})
	if err != nil {
		return err
	}
	x, gain, bias := f32(in[0]), f32(in[1]), f32(in[2])
	finish, err := then.on(d, out[0], in[3:])
	if err := errors.Join(err, operand.VectorOf(len(x), out[0]), operand.VectorOf(3*p.c, out[1])); err != nil {
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
func batchNormTrainGrad(d *Device, from prologue, out, in []accel.Tensor) error {
	dy, in, err := from.gradient(d, out, in, 2, 4)
	if err != nil {
		return err
	}
	p, err := planesOf(dy.shape, out[:1], in, 4, []int{0}, []int{1, 2, 3})
	if err != nil {
		return err
	}
	x, gain, mean, rstd := f32(in[0]), f32(in[1]), f32(in[2]), f32(in[3])
	if err := errors.Join(operand.VectorOf(len(x), out[0]), operand.VectorOf(2*p.c, out[1])); err != nil {
		return err
	}
	dx, dgain, dbias := f32(out[0]), f32(out[1])[:p.c], f32(out[1])[p.c:]
	p.gradientSums(d, dbias, dgain, func(acc *[2]lanes, k, lo, hi int) (s, sx float32) {
		return d.level.gradientSums(acc, x[lo:hi], dy.at(dx, lo, hi), mean[k])
	})
	d.level.mul(dgain, dgain, rstd)
	p.eachRow(d, func(_ *[2]lanes, k, lo, hi int) {
		f := rstd[k] * gain[k]
		m1, m2 := f*(dbias[k]/p.count()), f*rstd[k]*(dgain[k]/p.count())
		d.level.normScalarDx(dx[lo:hi], x[lo:hi], dy.where(dx)[lo:hi], mean[k], f, m1, m2)
	})
	return nil
}

func batchNormEval(d *Device, a kernel.BatchNorm, then epilogue, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 1, 5+then.operands()); err != nil {
		return err
	}
	p, err := planesOf(in[0], out, in[:5], 5, nil, []int{1, 2, 3, 4})
	if err != nil {
		return err
	}
	finish, err := then.on(d, out[0], in[5:])
	if err := errors.Join(err, operand.VectorOf(in[0].Len(), out[0])); err != nil {
		return err
	}
	p.normalise(d, a.Eps, f32(out[0]), f32(in[0]), f32(in[1]), f32(in[2]), f32(in[3]), f32(in[4]), finish)
	return nil
}

// batchNormEvalGrad: dx = gain * rstd * dy, of gain, var and dy; with params the other gradients too, of x, mean and var, while dy is at hand.
func batchNormEvalGrad(d *Device, a kernel.BatchNorm, from prologue, params bool, out, in []accel.Tensor) error {
	nout, nin, vectors := 1, 2, []int{0, 1}
	if params {
		nout, nin, vectors = 2, 5, []int{0, 1, 3, 4}
	}
	dy, in, err := from.gradient(d, out, in, nout, nin)
	if err != nil {
		return err
	}
	p, err := planesOf(dy.shape, out[:1], in, nin, nil, vectors)
	if err := errors.Join(err, operand.VectorOf(dy.shape.Len(), out[0])); err != nil {
		return err
	}
	dx, gain, variance := f32(out[0]), f32(in[0]), f32(in[1])
	factor := func(k int) float32 { return rsqrt(variance[k], a.Eps) * gain[k] }
	if params {
		return p.dparams(d, a.Eps, out[1], in[2:], func(acc *[2]lanes, x []float32, mean float32, k, lo, hi int) (s, sx float32) {
			return d.level.gradientSumsDx(acc, dx[lo:hi], x, dy.at(dx, lo, hi), mean, factor(k))
		})
	}
	p.eachRow(d, func(_ *[2]lanes, k, lo, hi int) { d.level.scale(dx[lo:hi], dy.at(dx, lo, hi), factor(k)) })
	return nil
}

func batchNormEvalDparams(d *Device, a kernel.BatchNorm, out, in []accel.Tensor) error {
	dy, in, err := prologue{}.gradient(d, out, in, 1, 3)
	if err != nil {
		return err
	}
	p, err := planesOf(dy.shape, out, in, 3, nil, []int{1, 2})
	if err != nil {
		return err
	}
	return p.dparams(d, a.Eps, out[0], in, func(acc *[2]lanes, x []float32, mean float32, _, lo, hi int) (s, sx float32) {
		return d.level.gradientSums(acc, x, dy.at(nil, lo, hi), mean)
	})
}
