//go:build nvidia

package cuda

import (
	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/internal/operand"
	"github.com/pipe-ml/pipe/accel/kernel"
)

func init() {
	activation[kernel.ReLU]("relu")
	activation[kernel.ReLU6]("relu6")
	activation[kernel.SiLU]("silu")
	activation[kernel.GELU]("gelu")
	activation[kernel.GELUTanh]("gelu_tanh")
	activation[kernel.QuickGELU]("quick_gelu")
}

// activation registers name and name.dx.
func activation[A any](name string) {
	register(name, func(l *launch, _ A, out, in []accel.Tensor) error {
		if err := operand.SameShape(out, in, 1); err != nil {
			return err
		}
		n := out[0].Len()
		return l.run(name, each(n), out[0], in[0], n)
	})
	register(name+".dx", func(l *launch, _ A, out, in []accel.Tensor) error {
		if err := operand.SameShape(out, in, 2); err != nil {
			return err
		}
		n := out[0].Len()
		return l.run(name+"_dx", each(n), out[0], in[0], in[1], n)
	})
}
