//go:build nvidia

package cuda

import (
	"errors"
	"fmt"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/internal/operand"
	"github.com/pipe-ml/pipe/accel/kernel"
)

func init() {
	register("group_norm", groupNorm)
	register("group_norm.dx", groupNormDx)
	register("group_norm.dparams", groupNormDparams)
}

// groupStats computes mean and rstd of each group of each sample, whose elements lie side by side.
func groupStats(l *launch, a kernel.GroupNorm, p planes, x accel.Tensor) (s statistics, err error) {
	if a.Groups < 1 || p.c%a.Groups != 0 {
		return s, fmt.Errorf("%d channels in %d groups", p.c, a.Groups)
	}
	s = statistics{by: p.c / a.Groups, of: p.batch * a.Groups}
	if s.pairs, err = l.scratch(s.of, 2); err != nil {
		return s, err
	}
	return s, l.run("layer_norm_stats", eachRow(s.of, s.by*p.s), s.pairs, x, s.by*p.s, a.Eps)
}

func groupNorm(l *launch, a kernel.GroupNorm, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 1, 3); err != nil {
		return err
	}
	p, err := planesOf(in[0])
	if err := errors.Join(err, p.wants(out, in[1:])); err != nil {
		return err
	}
	s, err := groupStats(l, a, p, in[0])
	if err != nil {
		return err
	}
	return p.perElement(l, "channel_norm", []any{out[0], in[0], in[1], in[2], none{}, 0}, s)
}

func groupNormDx(l *launch, a kernel.GroupNorm, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 1, 3); err != nil {
		return err
	}
	x, gain, dy := in[0], in[1], in[2]
	p, err := planesOf(x)
	if err := errors.Join(err, p.wants([]accel.Tensor{out[0], dy}, in[1:2])); err != nil {
		return err
	}
	s, err := groupStats(l, a, p, x)
	if err != nil {
		return err
	}
	part, err := p.gradients(l, x, dy, s)
	if err != nil {
		return err
	}
	means, err := l.scratch(s.of, 2)
	if err != nil {
		return err
	}
	return errors.Join(
		l.run("group_norm_means", each(s.of), means, part, gain, s.pairs, s.of, a.Groups, s.by, float32(s.by*p.s)),
		p.perElement(l, "group_norm_dx", []any{out[0], x, gain, dy, means}, s))
}

func groupNormDparams(l *launch, a kernel.GroupNorm, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 1, 2); err != nil {
		return err
	}
	p, err := planesOf(in[0])
	if err := errors.Join(err, p.wants(in[1:], nil), operand.VectorOf(2*p.c, out[0])); err != nil {
		return err
	}
	s, err := groupStats(l, a, p, in[0])
	if err != nil {
		return err
	}
	part, err := p.gradients(l, in[0], in[1], s)
	if err != nil {
		return err
	}
	return p.dparams(l, out[0], part, s)
}
