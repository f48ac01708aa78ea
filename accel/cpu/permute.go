package cpu

import (
	"fmt"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/internal/operand"
	"github.com/pipe-ml/pipe/accel/kernel"
)

// tile is the edge of the squares in which a transposition walks, so that both sides stay in the first cache.
const tile = 16

func init() {
	register("permute", permute)
}

// axis is a dimension of a permutation's output with its stride in the input and in the output.
type axis struct{ n, from, to int }

func permute(d *Device, a kernel.Permute, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 1, 1); err != nil {
		return err
	}
	axes, err := permutation(a, out[0].Shape, in[0].Shape)
	if err != nil {
		return err
	}
	y, x := f32(out[0]), f32(in[0])
	last := axes[len(axes)-1]
	if last.from == 1 { // rows stay whole
		rest := axes[:len(axes)-1]
		d.pool.run(len(y)/last.n, grain(last.n), func(lo, hi int) {
			for i := lo; i < hi; i++ {
				copy(y[i*last.n:(i+1)*last.n], x[source(rest, i):])
			}
		})
		return nil
	}
	// The input's last dimension lies elsewhere in the output: transpose planes of that and the output's last.
	var inner axis
	rest := make([]axis, 0, len(axes))
	for _, ax := range axes[:len(axes)-1] {
		if ax.from == 1 {
			inner = ax
		} else {
			rest = append(rest, ax)
		}
	}
	bands := (inner.n + tile - 1) / tile
	d.pool.run(len(y)/(inner.n*last.n)*bands, grain(tile*last.n), func(lo, hi int) {
		for b := lo; b < hi; b++ {
			from, to := source(rest, b/bands), target(rest, b/bands)
			first := b % bands * tile
			transpose(y[to:], x[from:], inner, last, first, min(first+tile, inner.n))
		}
	})
	return nil
}

// transpose copies the steps [lo, hi) of inner and all of last.
func transpose(y, x []float32, inner, last axis, lo, hi int) {
	for j0 := 0; j0 < last.n; j0 += tile {
		j1 := min(j0+tile, last.n)
		for i := lo; i < hi; i++ {
			dst := y[i*inner.to+j0 : i*inner.to+j1]
			at := i + j0*last.from
			for j := range dst {
				dst[j] = x[at]
				at += last.from
			}
		}
	}
}

// permutation checks the shapes and returns the output's dimensions, neighbours that stay together as one.
func permutation(a kernel.Permute, out, in []int) ([]axis, error) {
	if a.N != len(in) || a.N != len(out) {
		return nil, fmt.Errorf("a permutation of %d dimensions", a.N)
	}
	strides, seen := make([]int, a.N), make([]bool, a.N)
	for i, n := a.N-1, 1; i >= 0; i-- {
		strides[i] = n
		n *= in[i]
	}
	axes := []axis{{1, accel.Volume(in), accel.Volume(in)}}
	to := accel.Volume(in)
	for i, p := range a.Perm[:a.N] {
		if p < 0 || p >= a.N || seen[p] || out[i] != in[p] {
			return nil, fmt.Errorf("%v is not the permutation of the shapes", a.Perm[:a.N])
		}
		seen[p] = true
		if in[p] == 1 {
			continue
		}
		to /= in[p]
		if l := &axes[len(axes)-1]; l.from == strides[p]*in[p] {
			*l = axis{l.n * in[p], strides[p], to}
		} else {
			axes = append(axes, axis{in[p], strides[p], to})
		}
	}
	return axes, nil
}

// source and target are where step i of the dimensions begins in the input and the output.
func source(axes []axis, i int) int {
	at := 0
	for k := len(axes) - 1; k >= 0; k-- {
		at += i % axes[k].n * axes[k].from
		i /= axes[k].n
	}
	return at
}

func target(axes []axis, i int) int {
	at := 0
	for k := len(axes) - 1; k >= 0; k-- {
		at += i % axes[k].n * axes[k].to
		i /= axes[k].n
	}
	return at
}
