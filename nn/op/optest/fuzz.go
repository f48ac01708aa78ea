package optest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/pipe-ml/pipe/accel"
)

// The bounds of shapes that are tried: of one dimension, and of all operands together, for references are slow.
const (
	fuzzDim  = 37
	fuzzSize = 1 << 12
)

// fuzzSeeds is the number of edited shapes that every run tries of each row.
const fuzzSeeds = 6

// Fuzz holds the devices to the definitions at shapes that no row thought of. What is fuzzed is a row, its size and a list of
// edits, three bytes each: an operand, one of its dimensions and a length. An even operand byte changes that dimension alone,
// which most operators must refuse; an odd one changes every dimension of that length in all operands, as a letter of the
// operator's docstring. Whatever the constructor accepts must compute what the reference says, and the same bits on every
// device; an operand that a kernel refuses (a label out of range) every device refuses.
func Fuzz(f *testing.F, devs ...accel.Device) {
	var guards []*Guard
	for _, d := range devs {
		guards = append(guards, NewGuard(d))
	}
	r := rand.New(rand.NewPCG(4, 4))
	for i, row := range rows {
		for range fuzzSeeds {
			edits := make([]byte, 3*(1+r.IntN(3)))
			for k := range edits {
				edits[k] = byte(r.Uint32())
			}
			edits[0] |= 1
			f.Add(uint16(i), byte(row.sizes()[r.IntN(len(row.sizes()))]), edits)
		}
	}
	f.Fuzz(func(t *testing.T, i uint16, size byte, edits []byte) {
		row := rows[int(i)%len(rows)]
		s := 1 + int(size)%fuzzDim
		shapes := row.edited(s, edits)
		if shapes == nil {
			return
		}
		edited := row
		edited.In = func(int) []Input { return shapes }
		edited.Tol = Tol{100 * row.Tol.Value, 1e-2} // shapes are tried, and not roundings: a norm over two elements has none of a gradient
		in, err := newInstance(edited, s)
		if err != nil {
			return // refused, and no panic
		}
		if err := in.agree(guards); err != nil {
			t.Errorf("%s at size %d, %s: %v", row.name(), s, in.operands(), err)
		}
	})
}

// edited are the row's operands at a size with edits made to their shapes; nil if they are too large or none are left to edit.
func (r Row) edited(s int, edits []byte) []Input {
	ins := slices.Clone(r.In(s))
	for i := range ins {
		ins[i].Shape = slices.Clone(ins[i].Shape)
	}
	for ; len(edits) >= 3; edits = edits[3:] {
		shape := ins[int(edits[0]/2)%len(ins)].Shape
		if len(shape) == 0 {
			continue
		}
		at := &shape[int(edits[1])%len(shape)]
		from, to := *at, 1+int(edits[2])%fuzzDim
		*at = to
		for _, in := range ins {
			for d := range in.Shape {
				if edits[0]%2 == 1 && in.Shape[d] == from {
					in.Shape[d] = to
				}
			}
		}
	}
	total := 0
	for _, in := range ins {
		n := 1
		for _, d := range in.Shape {
			if d < 1 {
				return nil
			}
			n *= d
		}
		total += n
	}
	if total > fuzzSize {
		return nil
	}
	return ins
}

// agree checks the instance on all devices, and that they have the same bits.
func (in *instance) agree(guards []*Guard) error {
	if in.y.Shape().TotalSize() > fuzzSize {
		return nil
	}
	var first [][]float32
	var refused []string
	for _, g := range guards {
		runs, err := in.run(g, 1, in.outputs()...)
		switch {
		case err != nil && strings.Contains(err.Error(), "panic"):
			return fmt.Errorf("on %s: %w", g.Caps().Model, err)
		case err != nil:
			refused = append(refused, g.Caps().Model)
			continue
		case first == nil:
			first = runs[0]
		}
		for i := range first {
			if at := differ(first[i], runs[0][i]); at >= 0 {
				return fmt.Errorf("output %d, element %d: %g on %s, %g on %s", i, at, first[i][at], guards[0].Caps().Model, runs[0][i][at], g.Caps().Model)
			}
		}
	}
	if len(refused) == len(guards) {
		return nil
	}
	if len(refused) > 0 {
		return fmt.Errorf("only %s refuse it", strings.Join(refused, ", "))
	}
	want, err := in.expect() // after the launches, for references do not look whether an index is in range
	if err != nil {
		return fmt.Errorf("reference: %w", err)
	}
	return in.check(guards[0], want)
}

// operands prints the shapes of the operands.
func (in *instance) operands() string {
	var shapes []string
	for _, n := range in.leaves[:len(in.leaves)-1] {
		shapes = append(shapes, fmt.Sprint([]int(n.Shape())))
	}
	return strings.Join(shapes, " ")
}
