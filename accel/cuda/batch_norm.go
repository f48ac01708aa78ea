//go:build nvidia

package cuda

import (
	"errors"
	"slices"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/internal/operand"
	"github.com/pipe-ml/pipe/accel/kernel"
)

func init() {
	for _, f := range []struct {
		then      string
		add, relu int
	}{{"", 0, 0}, {"+relu", 0, 1}, {"+add+relu", 1, 1}} {
		register("batch_norm.train"+f.then, func(l *launch, a kernel.BatchNorm, out, in []accel.Tensor) error {
			return batchNormTrain(l, a, f.add, f.relu, out, in)
		})
		register("batch_norm.eval"+f.then, func(l *launch, a kernel.BatchNorm, out, in []accel.Tensor) error {
			return batchNormEval(l, a, f.add, f.relu, out, in)
		})
	}
	register("batch_norm.train.grad", batchNormTrainGrad)
	register("batch_norm.eval.dx", batchNormEvalDx)
	register("batch_norm.eval.dparams", batchNormEvalDparams)
}

// addend is the operand behind the norm's own, if one is added.
func addend(in []accel.Tensor, add int) any {
	if add == 0 {
		return none{}
	}
	return in[len(in)-1]
}

func batchNormTrain(l *launch, a kernel.BatchNorm, add, relu int, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 2, 3+add); err != nil {
		return err
	}
	p, err := planesOf(in[0])
	if err := errors.Join(err, p.wants(append(in[3:], out[0]), in[1:3]), operand.VectorOf(3*p.c, out[1])); err != nil {
		return err
	}
	s, err := perChannel(l, p)
	if err != nil {
		return err
	}
	part, err := l.scratch(p.rows())
	if err != nil {
		return err
	}
	return errors.Join(
		l.run("row_sums", eachRow(p.rows(), p.s), part, in[0], p.s),
		l.run("batch_norm_means", each(p.c), s.pairs, part, p.batch, p.c, p.count()),
		l.run("row_squares", eachRow(p.rows(), p.s), slices.Concat([]any{part, in[0]}, s.args(), []any{p.s})...),
		l.run("batch_norm_stats", each(p.c), out[1], s.pairs, part, p.batch, p.c, p.count(), a.Eps),
		p.perElement(l, "channel_norm", []any{out[0], in[0], in[1], in[2], addend(in, add), relu}, s))
}

func batchNormTrainGrad(l *launch, _ kernel.BatchNorm, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 2, 5); err != nil {
		return err
	}
	x, gain, mean, rstd, dy := in[0], in[1], in[2], in[3], in[4]
	p, err := planesOf(x)
	if err := errors.Join(err, p.wants([]accel.Tensor{dy, out[0]}, []accel.Tensor{gain, mean, rstd}), operand.VectorOf(2*p.c, out[1])); err != nil {
		return err
	}
	s, err := given(l, p, mean, rstd, -1)
	if err != nil {
		return err
	}
	part, err := p.gradients(l, x, dy, s)
	if err != nil {
		return err
	}
	return errors.Join(p.dparams(l, out[1], part, s),
		p.perElement(l, "batch_norm_train_dx", []any{out[0], x, gain, dy, out[1]}, s, p.count()))
}

func batchNormEval(l *launch, a kernel.BatchNorm, add, relu int, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 1, 5+add); err != nil {
		return err
	}
	p, err := planesOf(in[0])
	if err := errors.Join(err, p.wants(append(in[5:], out[0]), in[1:5])); err != nil {
		return err
	}
	s, err := given(l, p, in[3], in[4], a.Eps)
	if err != nil {
		return err
	}
	return p.perElement(l, "channel_norm", []any{out[0], in[0], in[1], in[2], addend(in, add), relu}, s)
}

func batchNormEvalDx(l *launch, a kernel.BatchNorm, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 1, 3); err != nil {
		return err
	}
	p, err := planesOf(out[0])
	if err := errors.Join(err, p.wants(in[2:], in[:2])); err != nil {
		return err
	}
	s, err := given(l, p, none{}, in[1], a.Eps)
	if err != nil {
		return err
	}
	return p.perElement(l, "batch_norm_eval_dx", []any{out[0], in[0], in[2]}, s)
}

func batchNormEvalDparams(l *launch, a kernel.BatchNorm, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 1, 4); err != nil {
		return err
	}
	p, err := planesOf(in[0])
	if err := errors.Join(err, p.wants(in[3:], in[1:3]), operand.VectorOf(2*p.c, out[0])); err != nil {
		return err
	}
	s, err := given(l, p, in[1], in[2], a.Eps)
	if err != nil {
		return err
	}
	part, err := p.gradients(l, in[0], in[3], s)
	if err != nil {
		return err
	}
	return p.dparams(l, out[0], part, s)
}

// perChannel lends statistics of channels.
func perChannel(l *launch, p planes) (statistics, error) {
	pairs, err := l.scratch(p.c, 2)
	return statistics{pairs, 1, p.c}, err
}

// given are statistics of channels that an operand holds: mean, and rstd, or with eps >= 0 the variance.
func given(l *launch, p planes, mean any, spread accel.Tensor, eps float32) (statistics, error) {
	s, err := perChannel(l, p)
	if err != nil {
		return s, err
	}
	return s, l.run("batch_norm_given", each(p.c), s.pairs, mean, spread, p.c, eps)
}
