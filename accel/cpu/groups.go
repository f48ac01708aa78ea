package cpu

import "errors"

// groups describes how a small tensor is repeated to a large one of the same rank. Neighbouring dimensions that are
// both kept or both repeated are taken as one; the last such group makes the large tensor's rows.
type groups struct {
	cols     int  // elements of a row
	repeated bool // the small tensor has one element a row, else cols
	outer    []group
}

// group is a run of dimensions before the last, with the distance between its steps in both tensors.
type group struct {
	n, large, small int
}

// groupsOf fits small to large: each dimension must agree or be 1 in small.
func groupsOf(large, small []int) (*groups, error) {
	if len(large) != len(small) {
		return nil, errors.New("the ranks must agree")
	}
	var gs []group
	stepLarge, stepSmall := 1, 1
	for i := len(large) - 1; i >= 0; i-- {
		n, kept := large[i], small[i] == large[i]
		if !kept && small[i] != 1 {
			return nil, errors.New("each dimension must agree or be 1 in the repeated operand")
		}
		if n == 1 {
			continue
		}
		step := 0
		if kept {
			step = stepSmall
		}
		if last := len(gs) - 1; last >= 0 && (gs[last].small == 0) == (step == 0) {
			gs[last].n *= n
		} else {
			gs = append(gs, group{n, stepLarge, step})
		}
		stepLarge *= n
		if kept {
			stepSmall *= n
		}
	}
	if len(gs) == 0 {
		return &groups{cols: 1}, nil
	}
	return &groups{cols: gs[0].n, repeated: gs[0].small == 0, outer: gs[1:]}, nil
}

// rows is the number of rows of the large tensor.
func (g *groups) rows() int {
	n := 1
	for _, o := range g.outer {
		n *= o.n
	}
	return n
}

// place is where row r of the large tensor begins in the small one.
func (g *groups) place(r int) int {
	at := 0
	for _, o := range g.outer {
		at += r % o.n * o.small
		r /= o.n
	}
	return at
}

// eachRow calls f with each row of the large tensor and where it begins in the small one.
func (g *groups) eachRow(d *Device, f func(row, at int)) {
	d.pool.run(g.rows(), grain(g.cols), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			f(r, g.place(r))
		}
	})
}

// split divides the groups before the last into the kept and the repeated ones.
func (g *groups) split() (kept, repeated []group) {
	for _, o := range g.outer {
		if o.small == 0 {
			repeated = append(repeated, o)
		} else {
			kept = append(kept, o)
		}
	}
	return kept, repeated
}

// steps is the number of positions of gs.
func steps(gs []group) int {
	n := 1
	for _, g := range gs {
		n *= g.n
	}
	return n
}

// offsets is where position i of gs begins in the large and the small tensor.
func offsets(gs []group, i int) (large, small int) {
	for _, g := range gs {
		k := i % g.n
		large += k * g.large
		small += k * g.small
		i /= g.n
	}
	return large, small
}
