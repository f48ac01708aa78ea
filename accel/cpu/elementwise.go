package cpu

import (
	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/kernel"
)

// elementGrain is the number of elements a thread takes at a time.
const elementGrain = 8192

func init() {
	register("add", func(d *Device, _ kernel.Add, out, in []accel.Tensor) error {
		return binary(d, out, in, func(a, b float32) float32 { return a + b })
	})
	register("mul", func(d *Device, _ kernel.Mul, out, in []accel.Tensor) error {
		return binary(d, out, in, func(a, b float32) float32 { return a * b })
	})
	register("scale", func(d *Device, a kernel.Scale, out, in []accel.Tensor) error {
		if err := arity(out, in, 1, 1); err != nil {
			return err
		}
		y, x := f32(out[0]), f32(in[0])
		d.pool.run(len(y), elementGrain, func(lo, hi int) {
			for i := lo; i < hi; i++ {
				y[i] = a.Factor * x[i]
			}
		})
		return nil
	})
	register("expand", func(d *Device, _ kernel.Expand, out, in []accel.Tensor) error {
		if err := arity(out, in, 1, 1); err != nil {
			return err
		}
		y, x := f32(out[0]), f32(in[0])
		strides := broadcast(in[0].Shape, out[0].Shape)
		d.pool.run(len(y), elementGrain, func(lo, hi int) {
			walk(out[0].Shape, strides, lo, hi, func(i, j int) { y[i] = x[j] })
		})
		return nil
	})
	register("reduce_to", func(d *Device, _ kernel.ReduceTo, out, in []accel.Tensor) error {
		if err := arity(out, in, 1, 1); err != nil {
			return err
		}
		y, x := f32(out[0]), f32(in[0])
		// Elements of y are independent; each walks its own part of x.
		kept := contiguous(in[0].Shape)
		reduced := make([]int, len(in[0].Shape))
		for i, n := range in[0].Shape {
			reduced[i] = 1
			if out[0].Shape[i] == 1 {
				reduced[i] = n
			}
		}
		total := 1
		for _, n := range reduced {
			total *= n
		}
		d.pool.run(len(y), max(1, elementGrain/total), func(lo, hi int) {
			walk(out[0].Shape, kept, lo, hi, func(i, j int) {
				var lane [16]float32
				walk(reduced, kept, 0, total, func(n, k int) { lane[n&15] += x[j+k] })
				y[i] = sum16(16, func(l int) float32 { return lane[l] })
			})
		})
		return nil
	})
}

func binary(d *Device, out, in []accel.Tensor, f func(a, b float32) float32) error {
	if err := arity(out, in, 1, 2); err != nil {
		return err
	}
	y, a, b := f32(out[0]), f32(in[0]), f32(in[1])
	if len(a) == len(b) {
		d.pool.run(len(y), elementGrain, func(lo, hi int) {
			for i := lo; i < hi; i++ {
				y[i] = f(a[i], b[i])
			}
		})
		return nil
	}
	strides := broadcast(in[1].Shape, in[0].Shape)
	d.pool.run(len(y), elementGrain, func(lo, hi int) {
		walk(in[0].Shape, strides, lo, hi, func(i, j int) { y[i] = f(a[i], b[j]) })
	})
	return nil
}

// contiguous are the row-major strides of shape.
func contiguous(shape []int) []int {
	s := make([]int, len(shape))
	for i, n := len(s)-1, 1; i >= 0; i-- {
		s[i] = n
		n *= shape[i]
	}
	return s
}

// broadcast are the strides that read small repeated to large.
func broadcast(small, large []int) []int {
	s := contiguous(small)
	for i := range s {
		if small[i] != large[i] {
			s[i] = 0
		}
	}
	return s
}

// walk calls f(i, j) for the elements [lo, hi) of a row-major tensor, j being the element's place under strides.
func walk(shape, strides []int, lo, hi int, f func(i, j int)) {
	index := make([]int, len(shape))
	rest, j := lo, 0
	for d := len(shape) - 1; d >= 0; d-- {
		index[d] = rest % shape[d]
		rest /= shape[d]
		j += index[d] * strides[d]
	}
	for i := lo; i < hi; i++ {
		f(i, j)
		for d := len(shape) - 1; d >= 0; d-- {
			index[d]++
			j += strides[d]
			if index[d] < shape[d] {
				break
			}
			j -= shape[d] * strides[d]
			index[d] = 0
		}
	}
}
