package program

import (
	"cmp"
	"slices"
)

// life is a value's need for memory: size elements from the step that writes it to the last that reads it.
type life struct {
	first, last int
	size        int
}

// granule is what places are rounded to, in elements: a cache line.
const granule = 16

// plan places lives in one arena so that two whose steps meet never share an element. It returns each
// life's first element and the arena's size. Large lives choose first, each the lowest gap that holds it.
func plan(lives []life) (at []int, size int) {
	order := make([]int, len(lives))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(lives[b].size, lives[a].size) })

	at = make([]int, len(lives))
	var placed []int // by place
	for _, i := range order {
		l, pos := lives[i], 0
		for _, j := range placed {
			o := lives[j]
			if o.last < l.first || l.last < o.first {
				continue
			}
			if at[j] >= pos+l.size {
				break
			}
			pos = max(pos, roundUp(at[j]+o.size))
		}
		at[i] = pos
		size = max(size, roundUp(pos+l.size))
		k, _ := slices.BinarySearchFunc(placed, pos, func(j, p int) int { return cmp.Compare(at[j], p) })
		placed = slices.Insert(placed, k, i)
	}
	return at, size
}

func roundUp(n int) int { return (n + granule - 1) / granule * granule }
