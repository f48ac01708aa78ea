package cpu

import (
	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/internal/operand"
	"github.com/pipe-ml/pipe/accel/kernel"
)

// epilogue is the end of a fused kernel (kernel.Fused): what is done to a piece of its output while it is in a cache.
type epilogue struct{ add, relu bool }

func init() {
	register("add+relu", func(d *Device, _ kernel.Add, out, in []accel.Tensor) error {
		l := d.level
		return binary(d, out, in,
			func(y, a, b []float32) {
				l.add(y, a, b)
				l.activate("relu", relu, y, y)
			},
			func(y, a []float32, b float32) {
				l.shift(y, a, b)
				l.activate("relu", relu, y, y)
			})
	})
}

// suffix is the epilogue's part of a kernel's name.
func (e epilogue) suffix() string {
	s := ""
	if e.add {
		s = "+add"
	}
	if e.relu {
		s += "+relu"
	}
	return s
}

// operands is the number of inputs that the epilogue takes.
func (e epilogue) operands() int {
	if e.add {
		return 1
	}
	return 0
}

// on returns what finishes elements [lo, hi) of out; in are the epilogue's inputs.
func (e epilogue) on(d *Device, out accel.Tensor, in []accel.Tensor) (func(lo, hi int), error) {
	y := f32(out)
	var b []float32
	if e.add {
		if err := operand.VectorOf(len(y), in[0]); err != nil {
			return nil, err
		}
		b = f32(in[0])
	}
	return func(lo, hi int) {
		if e.add {
			d.level.add(y[lo:hi], y[lo:hi], b[lo:hi])
		}
		if e.relu {
			d.level.activate("relu", relu, y[lo:hi], y[lo:hi])
		}
	}, nil
}
