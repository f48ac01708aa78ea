package operand

import (
	"errors"
	"fmt"
	"slices"

	"github.com/pipe-ml/pipe/accel"
)

// Arity refuses a launch with other numbers of operands.
func Arity(out, in []accel.Tensor, nout, nin int) error {
	if len(out) != nout || len(in) != nin {
		return fmt.Errorf("got %d outputs and %d inputs, want %d and %d", len(out), len(in), nout, nin)
	}
	return nil
}

// SameShape wants one output and nin inputs, all of one shape.
func SameShape(out, in []accel.Tensor, nin int) error {
	if err := Arity(out, in, 1, nin); err != nil {
		return err
	}
	for _, t := range in {
		if !slices.Equal(t.Shape, out[0].Shape) {
			return errors.New("the shapes must agree")
		}
	}
	return nil
}

// VectorOf wants each of ts to hold n elements.
func VectorOf(n int, ts ...accel.Tensor) error {
	for _, t := range ts {
		if t.Len() != n {
			return fmt.Errorf("operand %v has %d elements, want %d", t.Shape, t.Len(), n)
		}
	}
	return nil
}

// Rows views a tensor as rows of its last dimension. A scalar is one row of one.
func Rows(t accel.Tensor) (n, cols int) {
	if len(t.Shape) == 0 {
		return 1, 1
	}
	cols = t.Shape[len(t.Shape)-1]
	if cols == 0 {
		return 0, 0
	}
	return t.Len() / cols, cols
}

// Overlap tells whether two tensors share an element.
func Overlap(a, b accel.Tensor) bool {
	return a.Buf == b.Buf && a.Off < b.Off+b.Len() && b.Off < a.Off+a.Len()
}

// Within wants t to lie in a buffer of n elements.
func Within(t accel.Tensor, n int) error {
	for _, d := range t.Shape {
		if d < 0 {
			return fmt.Errorf("negative dimension in shape %v", t.Shape)
		}
	}
	if t.Off < 0 || t.Off+t.Len() > n {
		return fmt.Errorf("shape %v at element %d leaves a buffer of %d", t.Shape, t.Off, n)
	}
	return nil
}
