package view

import (
	"cmp"
	"slices"
)

// spot is a box, or a bend of an edge that passes a column, in a layered drawing.
type spot struct {
	box    int     // index; -1: a bend
	y      float64 // of the middle
	height float64
	left   []*spot // neighbours in the column before
	right  []*spot // and behind
	rank   float64 // in its column, while columns are ordered
}

// layout is a layered drawing (Sugiyama's): every edge leads from one column to the next one, through bends where it
// passes columns.
type layout struct {
	columns [][]*spot
	spots   []*spot   // of the boxes
	edges   [][]*spot // from a box through bends to a box
}

// sweepsOfLayout is how often the columns are ordered and moved; more changes nothing to be seen.
const sweepsOfLayout = 12

// lay places boxes of one height with a gap between them. The same boxes are always laid in the same way.
func lay(list []box, height, gap float64) *layout {
	depth := depths(list)
	l := &layout{columns: make([][]*spot, slices.Max(depth)+1), spots: make([]*spot, len(list))}
	put := func(box, column int, height float64) *spot {
		s := &spot{box: box, height: height, rank: float64(len(l.columns[column]))}
		l.columns[column] = append(l.columns[column], s)
		return s
	}
	for i := range list {
		l.spots[i] = put(i, depth[i], height)
	}
	for i, b := range list {
		for _, from := range b.from {
			edge := []*spot{l.spots[from]}
			for c := depth[from] + 1; c <= depth[i]; c++ {
				next := l.spots[i]
				if c < depth[i] {
					next = put(-1, c, 0)
				}
				last := edge[len(edge)-1]
				last.right, next.left = append(last.right, next), append(next.left, last)
				edge = append(edge, next)
			}
			l.edges = append(l.edges, edge)
		}
	}
	for range sweepsOfLayout {
		l.each(l.order)
	}
	l.each(func(column []*spot, _ func(*spot) []*spot) { move(column, nil, gap) })
	for range sweepsOfLayout {
		l.each(func(column []*spot, before func(*spot) []*spot) { move(column, before, gap) })
	}
	return l
}

// depths is the length of the longest way to each box; a box that reads nothing stands right before its first reader.
func depths(list []box) []int {
	depth := make([]int, len(list))
	for changed, round := true, 0; changed && round <= len(list); round++ { // a cycle of stages would not end
		changed = false
		for i, b := range list {
			for _, from := range b.from {
				if depth[from] >= depth[i] {
					depth[i], changed = depth[from]+1, true
				}
			}
		}
	}
	first := make([]int, len(list))
	for i, b := range list {
		for _, from := range b.from {
			if first[from] == 0 || depth[i] < first[from] {
				first[from] = depth[i]
			}
		}
	}
	for i, b := range list {
		if len(b.from) == 0 && first[i] > 0 {
			depth[i] = first[i] - 1
		}
	}
	return depth
}

// each goes through the columns to the right, looking back to the left, and back again.
func (l *layout) each(do func(column []*spot, before func(*spot) []*spot)) {
	for _, c := range l.columns {
		do(c, func(s *spot) []*spot { return s.left })
	}
	for _, c := range slices.Backward(l.columns) {
		do(c, func(s *spot) []*spot { return s.right })
	}
}

// order sorts a column by the mean rank of what each spot is joined to.
func (l *layout) order(column []*spot, before func(*spot) []*spot) {
	want := map[*spot]float64{}
	for _, s := range column {
		want[s] = s.rank
		if near := before(s); len(near) > 0 {
			want[s] = 0
			for _, n := range near {
				want[s] += n.rank / float64(len(near))
			}
		}
	}
	slices.SortStableFunc(column, func(a, b *spot) int { return cmp.Compare(want[a], want[b]) })
	for i, s := range column {
		s.rank = float64(i)
	}
}

// move puts each spot as near as it can be to the mean of what it is joined to, in the order of the column and without
// overlap: a least-squares fit by pooling those that would collide.
func move(column []*spot, before func(*spot) []*spot, gap float64) {
	type pool struct {
		sum float64
		n   int
	}
	offsets := make([]float64, len(column)) // of each spot if all stood as close as they may
	var pools []pool
	for i, s := range column {
		if i > 0 {
			offsets[i] = offsets[i-1] + (column[i-1].height+s.height)/2 + gap
		}
		want := s.y
		if before != nil {
			if near := before(s); len(near) > 0 {
				want = 0
				for _, n := range near {
					want += n.y / float64(len(near))
				}
			}
		}
		pools = append(pools, pool{want - offsets[i], 1})
		for k := len(pools) - 1; k > 0 && pools[k-1].sum*float64(pools[k].n) > pools[k].sum*float64(pools[k-1].n); k-- {
			pools[k-1] = pool{pools[k-1].sum + pools[k].sum, pools[k-1].n + pools[k].n}
			pools = pools[:k]
		}
	}
	i := 0
	for _, p := range pools {
		for range p.n {
			column[i].y = p.sum/float64(p.n) + offsets[i]
			i++
		}
	}
}
