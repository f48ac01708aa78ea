package metric

import (
	"slices"

	"github.com/pipe-ml/pipe/accel/rng"
)

// kidBlock is how many images of each side a block has, where there are twice as many (Bińkowski et al. 2018).
const kidBlock = 1000

// KIDBlocks is the mean of KID over blocks of images of each side, drawn without replacement, and the range in which 95 % of the blocks
// lie. A block has 1000 images of each side, or half of the smaller one.
func KIDBlocks(a, b [][]float64, blocks int, seed uint64) (Interval, error) {
	if err := checkFeatures(a, b); err != nil {
		return Interval{}, err
	}
	a, b = sortRows(a), sortRows(b)
	size := max(2, min(kidBlock, len(a)/2, len(b)/2))
	draws := rng.New(seed, "kid blocks")
	values, sum := make([]float64, blocks), 0.0
	for i := range values {
		v, err := KID(pick(a, size, draws), pick(b, size, draws))
		if err != nil {
			return Interval{}, err
		}
		values[i] = v
		sum += v
	}
	slices.Sort(values)
	return Interval{Value: sum / float64(blocks), Low: percentile(values, 0.025), High: percentile(values, 0.975)}, nil
}

// pick draws n rows without replacement.
func pick(rows [][]float64, n int, draws *rng.Stream) [][]float64 {
	rows = slices.Clone(rows)
	for i := range n {
		j := i + draws.Intn(len(rows)-i)
		rows[i], rows[j] = rows[j], rows[i]
	}
	return rows[:n]
}
