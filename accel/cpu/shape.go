package cpu

import (
	"errors"
	"fmt"
	"slices"

	"github.com/pipe-ml/pipe/accel"
)

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

// channels views [B, C, ...] as batch, channels and positions.
func channels(t accel.Tensor) (batch, chans, positions int, err error) {
	if len(t.Shape) < 2 {
		return 0, 0, 0, fmt.Errorf("operand %v has no channels", t.Shape)
	}
	return t.Shape[0], t.Shape[1], accel.Volume(t.Shape[2:]), nil
}

// grain is the number of rows of a chunk so that it holds about elementGrain elements.
func grain(cols int) int { return max(1, elementGrain/max(cols, 1)) }
