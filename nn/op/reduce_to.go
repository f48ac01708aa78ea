package op

import (
	"errors"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/kernel"
)

func init() {
	register(Def[kernel.ReduceTo]{Name: "reduce_to", In: []Operand{{Name: "x"}}})
}

// ReduceTo sums x over the dimensions in which shape is 1, the backward of repetition; it is x itself if the shapes agree. The kernel's contract
// fixes the order of the sums.
func (b *Back) ReduceTo(x *gorgonia.Node, shape tensor.Shape) *gorgonia.Node {
	if x == nil || x.Shape().Eq(shape) {
		return x
	}
	return b.Call("reduce_to", kernel.ReduceTo{}, shape, x)
}

// repeats checks that small can be repeated to large, which is the result's shape.
func repeats(large, small tensor.Shape) (tensor.Shape, error) {
	ok := len(large) == len(small)
	for i := 0; ok && i < len(large); i++ {
		ok = small[i] == large[i] || small[i] == 1
	}
	if !ok {
		return nil, errors.New("the ranks must agree, and each dimension must agree or be 1 in the second")
	}
	return large, nil
}

// repeated is x expanded to shape.
func repeated(x Array, shape []int) Array {
	y := NewArray(shape...)
	each(shape, x, func(i, j int) { y.Data[i] = x.Data[j] })
	return y
}

// each calls f for every element i of a tensor of the large shape with the element j of small that it stands
// on, dimensions of size 1 being repeated.
func each(large []int, small Array, f func(i, j int)) {
	strides := small.Strides()
	for d, n := range small.Shape {
		if n == 1 {
			strides[d] = 0
		}
	}
	index := make([]int, len(large))
	for i := range accel.Volume(large) {
		j := 0
		for d, k := range index {
			j += k * strides[d]
		}
		f(i, j)
		for d := len(index) - 1; d >= 0; d-- {
			if index[d]++; index[d] < large[d] {
				break
			}
			index[d] = 0
		}
	}
}
