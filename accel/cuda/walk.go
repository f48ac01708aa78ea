//go:build nvidia

package cuda

import (
	"errors"

	"github.com/pipe-ml/pipe/accel/kernel"
)

// walk says where the elements of a shape lie in a tensor whose dimensions are repeated, moved or cut: sizes and steps, the innermost
// first, with neighbours joined where they can be. It is WALK of gk.h.
type walk struct {
	n, step []int
}

// add appends the next outer dimension.
func (w *walk) add(n, step int) {
	if n == 1 {
		return
	}
	if last := len(w.n) - 1; last >= 0 && step == w.n[last]*w.step[last] {
		w.n[last] *= n
		return
	}
	w.n, w.step = append(w.n, n), append(w.step, step)
}

// len is the number of elements walked.
func (w walk) len() int {
	total := 1
	for _, n := range w.n {
		total *= n
	}
	return total
}

// args are the arguments of a function with a WALK.
func (w walk) args() []any {
	var n, step [kernel.MaxRank]int
	copy(n[:], w.n)
	copy(step[:], w.step)
	args := []any{max(len(w.n), 1)}
	for _, v := range n[:kernel.MaxRank-1] {
		args = append(args, v)
	}
	for _, v := range step {
		args = append(args, v)
	}
	return args
}

// repeated walks a small tensor that is repeated to a large one: each of its dimensions is the large one's or 1.
func repeated(large, small []int) (w walk, err error) {
	step, err := 1, fits(large, small)
	for i := len(large) - 1; err == nil && i >= 0; i-- {
		if small[i] == 1 {
			w.add(large[i], 0)
			continue
		}
		w.add(large[i], step)
		step *= small[i]
	}
	return w, err
}

// summed splits the walk over a large tensor into the dimensions that a small one keeps and those over which it is summed.
func summed(large, small []int) (kept, sum walk, err error) {
	step, err := 1, fits(large, small)
	for i := len(large) - 1; err == nil && i >= 0; i-- {
		if small[i] == large[i] {
			kept.add(large[i], step)
		} else {
			sum.add(large[i], step)
		}
		step *= large[i]
	}
	return kept, sum, err
}

func fits(large, small []int) error {
	if len(large) != len(small) {
		return errors.New("the ranks must agree")
	}
	if len(large) > kernel.MaxRank {
		return errors.New("the rank is above 6")
	}
	for i, n := range small {
		if n != large[i] && n != 1 {
			return errors.New("each dimension must agree or be 1 in the repeated operand")
		}
	}
	return nil
}
