//go:build nvidia

package cuda

import (
	"errors"
	"fmt"
	"math"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/internal/operand"
	"github.com/pipe-ml/pipe/accel/kernel"
)

func init() {
	register("permute", permute)
	register("concat", concat)
	register("slice", func(l *launch, a kernel.Slice, out, in []accel.Tensor) error {
		if err := operand.Arity(out, in, 1, 1); err != nil {
			return err
		}
		p, err := partOf(in[0].Shape, out[0].Shape, a.Axis, a.Start)
		if err != nil {
			return err
		}
		return p.run(l, "slice", out[0], in[0], out[0].Len())
	})
	register("slice.dx", func(l *launch, a kernel.Slice, out, in []accel.Tensor) error {
		if err := operand.Arity(out, in, 1, 1); err != nil {
			return err
		}
		p, err := partOf(out[0].Shape, in[0].Shape, a.Axis, a.Start)
		if err != nil {
			return err
		}
		return p.run(l, "slice_dx", out[0], in[0], out[0].Len())
	})
}

// permute walks the input in the order of the output.
func permute(l *launch, a kernel.Permute, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 1, 1); err != nil {
		return err
	}
	y, x := out[0].Shape, in[0].Shape
	if a.N != len(x) || a.N != len(y) || a.N > kernel.MaxRank {
		return fmt.Errorf("a permutation of %d dimensions", a.N)
	}
	var step [kernel.MaxRank]int
	for i, s := a.N-1, 1; i >= 0; i-- {
		step[i] = s
		s *= x[i]
	}
	var w walk
	seen := [kernel.MaxRank]bool{}
	for i := a.N - 1; i >= 0; i-- {
		from := a.Perm[i]
		if from < 0 || from >= a.N || seen[from] || y[i] != x[from] {
			return errors.New("the output's dimension i must be the input's dimension Perm[i]")
		}
		seen[from] = true
		w.add(y[i], step[from])
	}
	if rows, cols, batch, ok := w.transpose(); ok {
		g := grid{blocks: [3]int{divide(rows, 32), divide(cols, 32), batch}, threads: [3]int{32, 8}}
		return l.run("transpose", g, out[0], in[0], rows, cols)
	}
	n := out[0].Len()
	return l.run("walked", each(n), append([]any{out[0], in[0], n}, w.args()...)...)
}

// transpose tells whether the walk is over the transposes of a batch of matrices [rows, cols], as far as a grid may hold them.
func (w walk) transpose() (rows, cols, batch int, ok bool) {
	if len(w.n) < 2 || len(w.n) > 3 || w.step[0] != w.n[1] || w.step[1] != 1 {
		return 0, 0, 0, false
	}
	rows, cols, batch = w.n[0], w.n[1], 1
	if len(w.n) == 3 {
		if w.step[2] != rows*cols {
			return 0, 0, 0, false
		}
		batch = w.n[2]
	}
	return rows, cols, batch, max(divide(cols, 32), batch) <= math.MaxUint16
}

// part is a range of one dimension of a tensor: len elements of every stride from offset on.
type part struct{ len, stride, offset int }

// partOf checks that small is large but for axis, where it begins at start.
func partOf(large, small []int, axis, start int) (part, error) {
	if axis < 0 || axis >= len(large) || len(small) != len(large) || start < 0 || start+small[axis] > large[axis] {
		return part{}, fmt.Errorf("%v from %d on along dimension %d does not lie in %v", small, start, axis, large)
	}
	for i := range large {
		if i != axis && small[i] != large[i] {
			return part{}, fmt.Errorf("%v is not a part of %v along dimension %d", small, large, axis)
		}
	}
	inner := accel.Volume(large[axis+1:])
	return part{small[axis] * inner, large[axis] * inner, start * inner}, nil
}

// run queues a function with a thread for each of n elements.
func (p part) run(l *launch, function string, y, x accel.Tensor, n int) error {
	return l.run(function, each(n), y, x, n, p.len, p.stride, p.offset)
}

func concat(l *launch, a kernel.Concat, out, in []accel.Tensor) error {
	if len(out) != 1 || len(in) == 0 {
		return errors.New("want 1 output and at least 1 input")
	}
	at := 0
	for _, x := range in {
		p, err := partOf(out[0].Shape, x.Shape, a.Axis, at)
		if err != nil {
			return err
		}
		if err := p.run(l, "place", out[0], x, x.Len()); err != nil {
			return err
		}
		at += x.Shape[a.Axis]
	}
	if at != out[0].Shape[a.Axis] {
		return fmt.Errorf("the inputs have %d elements along dimension %d, the output %d", at, a.Axis, out[0].Shape[a.Axis])
	}
	return nil
}
