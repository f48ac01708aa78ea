//go:build nvidia

package cuda

import (
	"errors"
	"fmt"
	"slices"

	"github.com/pipe-ml/pipe/accel"
)

// arity refuses a launch with other numbers of operands.
func arity(out, in []accel.Tensor, nout, nin int) error {
	if len(out) != nout || len(in) != nin {
		return fmt.Errorf("got %d outputs and %d inputs, want %d and %d", len(out), len(in), nout, nin)
	}
	return nil
}

// sameShape wants one output and nin inputs, all of one shape.
func sameShape(out, in []accel.Tensor, nin int) error {
	if err := arity(out, in, 1, nin); err != nil {
		return err
	}
	for _, t := range in {
		if !slices.Equal(t.Shape, out[0].Shape) {
			return errors.New("the shapes must agree")
		}
	}
	return nil
}

// vectorOf wants each of ts to hold n elements.
func vectorOf(n int, ts ...accel.Tensor) error {
	for _, t := range ts {
		if t.Len() != n {
			return fmt.Errorf("operand %v has %d elements, want %d", t.Shape, t.Len(), n)
		}
	}
	return nil
}

// rows views a tensor as rows of its last dimension. A scalar is one row of one.
func rows(t accel.Tensor) (n, cols int) {
	if len(t.Shape) == 0 {
		return 1, 1
	}
	cols = t.Shape[len(t.Shape)-1]
	if cols == 0 {
		return 0, 0
	}
	return t.Len() / cols, cols
}
