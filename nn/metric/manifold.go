package metric

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
)

// Manifold compares where two sets of features lie, by balls around each row that reach to its k-th neighbour in its own set.
type Manifold struct {
	Precision float64 // share of the generated in a ball of a real one (Kynkäänniemi et al. 2019, arXiv:1904.06991)
	Recall    float64 // share of the real in a ball of a generated one
	Density   float64 // balls of real ones around a generated one, on average, by k (Naeem et al. 2020, arXiv:2002.09797)
	Coverage  float64 // share of the real whose ball holds a generated one
}

// NewManifold computes all four of real [n][d] and generated [m][d] rows as Naeem et al.'s package prdc: in a ball is strictly nearer
// than its edge. It counts alone, so the order of the rows does not matter.
func NewManifold(real, generated [][]float64, k int) (Manifold, error) {
	if err := checkFeatures(real, generated); err != nil {
		return Manifold{}, err
	}
	if least := min(len(real), len(generated)); k < 1 || k >= least {
		return Manifold{}, fmt.Errorf("a set of %d images has no neighbour number %d: take fewer neighbours", least, k)
	}
	own, made := radii(real, k), radii(generated, k)
	across := distances(real, generated)
	inReal, holds := make([]int, len(generated)), 0
	recalled := 0
	for i, row := range across {
		covered, found := false, false
		for j, d := range row {
			if d < own[i] {
				inReal[j]++
				covered = true
			}
			found = found || d < made[j]
		}
		if covered {
			holds++
		}
		if found {
			recalled++
		}
	}
	precise, balls := 0, 0
	for _, n := range inReal {
		balls += n
		if n > 0 {
			precise++
		}
	}
	n, m := float64(len(real)), float64(len(generated))
	return Manifold{
		Precision: float64(precise) / m, Recall: float64(recalled) / n, Density: float64(balls) / (float64(k) * m), Coverage: float64(holds) / n,
	}, nil
}

// radii are the distances of the rows to their k-th neighbours.
func radii(x [][]float64, k int) []float64 {
	out := make([]float64, len(x))
	for i, row := range distances(x, x) {
		slices.Sort(row) // the row itself comes first
		out[i] = row[k]
	}
	return out
}

// distances are the Euclidean distances of the rows of a from those of b.
func distances(a, b [][]float64) [][]float64 {
	out := make([][]float64, len(a))
	var workers sync.WaitGroup
	threads := runtime.GOMAXPROCS(0)
	for w := range threads {
		workers.Go(func() {
			for i := w; i < len(a); i += threads {
				out[i] = make([]float64, len(b))
				for j := range b {
					out[i][j] = distance(a[i], b[j])
				}
			}
		})
	}
	workers.Wait()
	return out
}

func distance(x, y []float64) float64 {
	sum := 0.0
	for i, v := range x {
		d := v - y[i]
		sum += float64(d * d)
	}
	return math.Sqrt(sum)
}

// Nearest is, for each row of x, the index of the nearest row of set and its distance. Of equally near ones it is the first.
func Nearest(x, set [][]float64) (index []int, away []float64) {
	index, away = make([]int, len(x)), make([]float64, len(x))
	for i, row := range distances(x, set) {
		for j, d := range row {
			if d < row[index[i]] {
				index[i] = j
			}
		}
		away[i] = row[index[i]]
	}
	return index, away
}

// Memorisation is how near generated images lie to those trained on, by how near images of the same kind do that were not: the median
// distance of generated rows to their nearest trained row, by that of held-out rows. About 1 where nothing is remembered, near 0 for copies.
// The interval is of the generated rows drawn.
func Memorisation(generated, trained, heldOut [][]float64, resamples int, seed uint64) (Interval, error) {
	if err := checkFeatures(generated, trained); err != nil {
		return Interval{}, err
	}
	if err := checkFeatures(heldOut, trained); err != nil {
		return Interval{}, fmt.Errorf("held-out images: %w", err)
	}
	_, usual := Nearest(heldOut, trained)
	_, away := Nearest(generated, trained)
	by := median(usual)
	if by == 0 {
		return Interval{}, fmt.Errorf("half of the held-out images are among those trained on: nothing tells how near is near")
	}
	return Bootstrap(len(away), resamples, seed, func(rows []int) float64 {
		drawn := make([]float64, len(rows))
		for i, r := range rows {
			drawn[i] = away[r]
		}
		return median(drawn) / by
	}), nil
}

func median(x []float64) float64 {
	x = slices.Sorted(slices.Values(x))
	return percentile(x, 0.5)
}
