package op

import "github.com/pipe-ml/pipe/accel"

// Array is a dense row-major tensor in float64: an operand of a reference. Integers are held exactly.
type Array struct {
	Shape []int
	Data  []float64
}

// NewArray returns zeros.
func NewArray(shape ...int) Array {
	return Array{Shape: shape, Data: make([]float64, accel.Volume(shape))}
}

// Dim is the size of dimension i; -1 is the last one.
func (a Array) Dim(i int) int {
	if i < 0 {
		i += len(a.Shape)
	}
	return a.Shape[i]
}

// Rows views a as rows of its last dimension.
func (a Array) Rows() (rows, cols int) {
	cols = a.Dim(-1)
	return len(a.Data) / cols, cols
}

// Row is row i of Rows.
func (a Array) Row(i int) []float64 {
	_, c := a.Rows()
	return a.Data[i*c : (i+1)*c]
}

// Strides are the row-major distances between neighbours in each dimension.
func (a Array) Strides() []int {
	s := make([]int, len(a.Shape))
	for i, n := len(s)-1, 1; i >= 0; i-- {
		s[i] = n
		n *= a.Shape[i]
	}
	return s
}
