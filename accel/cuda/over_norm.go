//go:build nvidia

package cuda

import (
	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/internal/operand"
	"github.com/pipe-ml/pipe/accel/kernel"
)

func init() {
	register("over_norm", overNorm)
}

func overNorm(l *launch, _ kernel.OverNorm, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 1, 2); err != nil {
		return err
	}
	n := out[0].Len()
	if err := operand.VectorOf(n, in[0]); err != nil || n == 0 {
		return err
	}
	s := in[1].Len() / n
	if err := operand.VectorOf(n*s, in[1]); err != nil {
		return err
	}
	return l.run("over_norm", grid{blocks: [3]int{n}, threads: [3]int{32}}, out[0], in[0], in[1], s)
}
