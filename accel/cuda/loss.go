//go:build nvidia

package cuda

import (
	"errors"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/internal/operand"
	"github.com/pipe-ml/pipe/accel/kernel"
)

func init() {
	register("mse_loss", mseLoss)
	register("mse_loss.dx", mseLossDx)
	register("bce_with_logits", bceWithLogits)
	register("bce_with_logits.dx", bceWithLogitsDx)
	register("soft_cross_entropy", softCrossEntropy)
	register("soft_cross_entropy.dx", softCrossEntropyDx)
}

// meanOf adds up count values and divides by n.
func meanOf(l *launch, loss, values accel.Tensor, count, n int) error {
	return l.run("scaled_sum", eachRow(1, count), loss, values, count, 1/float32(max(n, 1)))
}

func mseLoss(l *launch, _ kernel.MSELoss, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 1, 2); err != nil {
		return err
	}
	n := in[0].Len()
	if err := errors.Join(operand.VectorOf(1, out[0]), operand.VectorOf(n, in[1])); err != nil {
		return err
	}
	per := max(4096, divide(n, 1024))
	part, err := l.scratch(divide(n, per))
	if err != nil {
		return err
	}
	return errors.Join(
		l.run("mse_loss", eachRow(divide(n, per), per), part, in[0], in[1], n, per),
		meanOf(l, out[0], part, divide(n, per), n))
}

func mseLossDx(l *launch, _ kernel.MSELoss, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 1, 3); err != nil {
		return err
	}
	n := out[0].Len()
	if err := errors.Join(operand.VectorOf(n, in[:2]...), operand.VectorOf(1, in[2])); err != nil {
		return err
	}
	return l.run("mse_loss_dx", each(n), out[0], in[0], in[1], in[2], n)
}

// bceOperands checks logits [N, C], targets and weights [C].
func bceOperands(in []accel.Tensor) (n, c int, err error) {
	_, c = operand.Rows(in[0])
	n = in[0].Len()
	return n, c, errors.Join(operand.VectorOf(n, in[1]), operand.VectorOf(c, in[2]))
}

func bceWithLogits(l *launch, _ kernel.BCEWithLogits, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 1, 3); err != nil {
		return err
	}
	known, err := l.scratch(1)
	if err != nil {
		return err
	}
	return bceLoss(l, out[0], known, in)
}

// bceLoss computes the loss, and of how many elements.
func bceLoss(l *launch, loss, known accel.Tensor, in []accel.Tensor) error {
	n, c, err := bceOperands(in)
	if err := errors.Join(err, operand.VectorOf(1, loss)); err != nil {
		return err
	}
	return l.run("bce_with_logits", eachRow(1, n), loss, known, in[0], in[1], in[2], n, c)
}

func bceWithLogitsDx(l *launch, _ kernel.BCEWithLogits, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 1, 4); err != nil {
		return err
	}
	n, c, err := bceOperands(in)
	if err := errors.Join(err, operand.VectorOf(n, out[0]), operand.VectorOf(1, in[3])); err != nil {
		return err
	}
	loss, err := l.scratch(1)
	if err != nil {
		return err
	}
	known, err := l.scratch(1)
	if err != nil {
		return err
	}
	return errors.Join(bceLoss(l, loss, known, in), l.run("bce_with_logits_dx", each(n), out[0], in[0], in[1], in[2], in[3], known, n, c))
}

func softCrossEntropy(l *launch, _ kernel.SoftCrossEntropy, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 1, 2); err != nil {
		return err
	}
	n, c := operand.Rows(in[0])
	if err := errors.Join(operand.VectorOf(1, out[0]), operand.VectorOf(n*c, in[1])); err != nil {
		return err
	}
	losses, err := l.scratch(n)
	if err != nil {
		return err
	}
	return errors.Join(l.run("soft_cross_entropy", eachRow(n, c), losses, in[0], in[1], c), meanOf(l, out[0], losses, n, n))
}

func softCrossEntropyDx(l *launch, _ kernel.SoftCrossEntropy, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 1, 3); err != nil {
		return err
	}
	n, c := operand.Rows(in[0])
	if err := errors.Join(operand.VectorOf(n*c, in[1], out[0]), operand.VectorOf(1, in[2])); err != nil {
		return err
	}
	return l.run("soft_cross_entropy_dx", eachRow(n, c), out[0], in[0], in[1], in[2], n, c)
}
