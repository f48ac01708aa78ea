//go:build nvidia

package cuda

import (
	"errors"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/internal/operand"
	"github.com/pipe-ml/pipe/accel/kernel"
)

func init() {
	register("max_pool2d", maxPool2d)
	register("max_pool2d.dx", maxPool2dDx)
	register("avg_pool2d", avgPool2d)
	register("avg_pool2d.dx", avgPool2dDx)
	register("global_avg_pool2d", globalAvgPool2d)
	register("global_avg_pool2d.dx", globalAvgPool2dDx)
}

// pooling is the geometry of windows that slide over planes.
type pooling struct {
	kernel.Pool2d
	h, w, oh, ow int
}

// poolingOf checks the shapes x [B, C, H, W] and y [B, C, OH, OW].
func poolingOf(a kernel.Pool2d, x, y accel.Tensor) (pooling, error) {
	if err := operand.Pool2d(a, x, y); err != nil {
		return pooling{}, err
	}
	p := pooling{a, x.Shape[2], x.Shape[3], y.Shape[2], y.Shape[3]}
	return p, nil
}

// run queues a function with a thread for each element of a result.
func (p pooling) run(l *launch, function string, result accel.Tensor, operands []any, more ...any) error {
	n := result.Len()
	args := append([]any{result}, operands...)
	args = append(args, n, p.h, p.w, p.oh, p.ow, p.Kernel, p.Stride, p.Pad)
	return l.run(function, each(n), append(args, more...)...)
}

func maxPool2d(l *launch, a kernel.Pool2d, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 1, 1); err != nil {
		return err
	}
	p, err := poolingOf(a, in[0], out[0])
	if err != nil {
		return err
	}
	return p.run(l, "max_pool2d", out[0], []any{in[0]})
}

func maxPool2dDx(l *launch, a kernel.Pool2d, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 1, 2); err != nil {
		return err
	}
	p, err := poolingOf(a, in[0], in[1])
	if err := errors.Join(err, operand.VectorOf(in[0].Len(), out[0])); err != nil {
		return err
	}
	return p.run(l, "max_pool2d_dx", out[0], []any{in[0], in[1]})
}

// inside is the flag of what lies outside being left out of the mean.
func inside(a kernel.Pool2d) int {
	if a.ExcludePad {
		return 1
	}
	return 0
}

func avgPool2d(l *launch, a kernel.Pool2d, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 1, 1); err != nil {
		return err
	}
	p, err := poolingOf(a, in[0], out[0])
	if err != nil {
		return err
	}
	return p.run(l, "avg_pool2d", out[0], []any{in[0]}, inside(a))
}

func avgPool2dDx(l *launch, a kernel.Pool2d, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 1, 1); err != nil {
		return err
	}
	p, err := poolingOf(a, out[0], in[0])
	if err != nil {
		return err
	}
	return p.run(l, "avg_pool2d_dx", out[0], []any{in[0]}, inside(a))
}

func globalAvgPool2d(l *launch, _ kernel.GlobalAvgPool2d, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 1, 1); err != nil {
		return err
	}
	p, err := planesOf(in[0])
	if err := errors.Join(err, operand.VectorOf(p.rows(), out[0])); err != nil {
		return err
	}
	return l.run("global_avg_pool2d", eachRow(p.rows(), p.s), out[0], in[0], p.s)
}

func globalAvgPool2dDx(l *launch, _ kernel.GlobalAvgPool2d, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 1, 1); err != nil {
		return err
	}
	p, err := planesOf(out[0])
	if err := errors.Join(err, operand.VectorOf(p.rows(), in[0])); err != nil {
		return err
	}
	return l.run("global_avg_pool2d_dx", each(p.len()), out[0], in[0], p.len(), p.s)
}
