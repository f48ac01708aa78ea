//go:build nvidia

package cuda

import (
	"errors"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/internal/operand"
	"github.com/pipe-ml/pipe/accel/kernel"
)

func init() {
	register("layer_norm", layerNorm)
	register("layer_norm.dx", layerNormDx)
	register("layer_norm.dparams", layerNormDparams)
}

func layerNorm(l *launch, a kernel.LayerNorm, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 1, 3); err != nil {
		return err
	}
	n, c := operand.Rows(in[0])
	if err := errors.Join(operand.VectorOf(n*c, out[0]), operand.VectorOf(c, in[1], in[2])); err != nil {
		return err
	}
	return l.run("layer_norm", eachRow(n, c), out[0], in[0], in[1], in[2], c, a.Eps)
}

func layerNormDx(l *launch, a kernel.LayerNorm, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 1, 3); err != nil {
		return err
	}
	n, c := operand.Rows(in[0])
	if err := errors.Join(operand.VectorOf(n*c, out[0], in[2]), operand.VectorOf(c, in[1])); err != nil {
		return err
	}
	return l.run("layer_norm_dx", eachRow(n, c), out[0], in[0], in[1], in[2], c, a.Eps)
}

// layerNormDparams sums dy xhat and dy over chunks of rows, and then the chunks.
func layerNormDparams(l *launch, a kernel.LayerNorm, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 1, 2); err != nil {
		return err
	}
	n, c := operand.Rows(in[0])
	if err := errors.Join(operand.VectorOf(2*c, out[0]), operand.VectorOf(n*c, in[1])); err != nil {
		return err
	}
	chunks, per := chunked(n)
	stats, err := l.scratch(n, 2)
	if err != nil {
		return err
	}
	part, err := l.scratch(chunks, 2*c)
	if err != nil {
		return err
	}
	if err := l.run("layer_norm_stats", eachRow(n, c), stats, in[0], c, a.Eps); err != nil {
		return err
	}
	if err := l.run("layer_norm_dparams", columns(c, chunks), part, in[0], in[1], stats, n, c, per); err != nil {
		return err
	}
	return l.run("column_sums", columns(2*c, 1), out[0], part, chunks, 2*c, chunks)
}
