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
	register("dropout.train", dropout)
}

func dropout(l *launch, a kernel.Dropout, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 1, 2); err != nil {
		return err
	}
	if !slices.Equal(out[0].Shape, in[0].Shape) || in[1].Len() != 1 {
		return errors.New("want x and one step number")
	}
	n := out[0].Len()
	return l.run("dropout_train", each(divide(n, 4)), out[0], in[0], ints(in[1]), n, 1/(1-a.P), uint64(float64(a.P)*(1<<32)),
		uint32(a.Key), uint32(a.Key>>32))
}
