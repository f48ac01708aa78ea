package metric

import "math"

// Groups are the subgroups of a set's rows.
type Groups struct {
	Names []string
	Of    []int // the group of each row; -1: none, such rows count nowhere
}

// Each gives stat of the rows of each group; NaN for a group without rows.
func (g Groups) Each(rows []int, stat func(rows []int) float64) []float64 {
	members := make([][]int, len(g.Names))
	for _, r := range rows {
		if k := g.Of[r]; k >= 0 {
			members[k] = append(members[k], r)
		}
	}
	values := make([]float64, len(members))
	for k, m := range members {
		values[k] = math.NaN()
		if len(m) > 0 {
			values[k] = stat(m)
		}
	}
	return values
}

// Range is the smallest and the largest of the groups' values, as fairness is judged by (FairTune, Dutt et al. 2024, arXiv:2310.05055):
// the worst group and the gap to the best. NaN if one of the values is: a gap over fewer groups would be another figure.
func Range(values []float64) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, v := range values {
		low, high = math.Min(low, v), math.Max(high, v)
	}
	return low, high
}
