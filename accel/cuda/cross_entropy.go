//go:build nvidia

package cuda

import (
	"errors"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/internal/operand"
	"github.com/pipe-ml/pipe/accel/kernel"
)

func init() {
	register("cross_entropy", crossEntropy)
	register("cross_entropy.dx", crossEntropyDx)
}

const labelRange = finding("a label is not below the number of classes")

// crossEntropy computes the losses of rows and then their mean over the rows that count.
func crossEntropy(l *launch, a kernel.CrossEntropy, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 1, 2); err != nil {
		return err
	}
	n, c := operand.Rows(in[0])
	if err := errors.Join(operand.VectorOf(1, out[0]), operand.VectorOf(n, in[1])); err != nil {
		return err
	}
	losses, err := l.scratch(n)
	if err != nil {
		return err
	}
	count, err := countedLabels(l, in[1])
	if err != nil {
		return err
	}
	if err := l.run("cross_entropy", eachRow(n, c), losses, in[0], ints(in[1]), c, a.Smoothing, labelRange); err != nil {
		return err
	}
	return l.run("mean_loss", eachRow(1, n), out[0], losses, count, n)
}

func crossEntropyDx(l *launch, a kernel.CrossEntropy, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 1, 3); err != nil {
		return err
	}
	n, c := operand.Rows(in[0])
	if err := errors.Join(operand.VectorOf(n*c, out[0]), operand.VectorOf(n, in[1]), operand.VectorOf(1, in[2])); err != nil {
		return err
	}
	count, err := countedLabels(l, in[1])
	if err != nil {
		return err
	}
	return l.run("cross_entropy_dx", eachRow(n, c), out[0], in[0], ints(in[1]), in[2], count, c, a.Smoothing, labelRange)
}

// countedLabels is how many labels are not negative, at least 1.
func countedLabels(l *launch, labels accel.Tensor) (accel.Tensor, error) {
	count, err := l.scratch(1)
	if err != nil {
		return count, err
	}
	return count, l.run("counted_labels", eachRow(1, labels.Len()), count, ints(labels), labels.Len())
}
