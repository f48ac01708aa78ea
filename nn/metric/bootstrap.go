package metric

import (
	"math"
	"slices"

	"github.com/pipe-ml/pipe/accel/rng"
)

// Interval is a value with its 95 % confidence bounds.
type Interval struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// Bootstrap gives stat over rows 0..n-1 and the 2.5 % and 97.5 % percentiles of stat over resamples drawn with
// replacement. Resamples where stat is NaN (a class was not drawn) are left out.
func Bootstrap(n, resamples int, seed uint64, stat func(rows []int) float64) Interval {
	rows := make([]int, n)
	for i := range rows {
		rows[i] = i
	}
	whole := stat(rows)
	draws := rng.New(seed, "bootstrap")
	values := make([]float64, 0, resamples)
	for range resamples {
		for i := range rows {
			rows[i] = draws.Intn(n)
		}
		if v := stat(rows); !math.IsNaN(v) {
			values = append(values, v)
		}
	}
	if len(values) == 0 {
		return Interval{whole, whole, whole}
	}
	slices.Sort(values)
	return Interval{whole, percentile(values, 0.025), percentile(values, 0.975)}
}

// percentile interpolates linearly between the order statistics of sorted values, as numpy does.
func percentile(sorted []float64, q float64) float64 {
	at := float64(q * float64(len(sorted)-1))
	lo := int(at)
	hi := min(lo+1, len(sorted)-1)
	t := at - float64(lo)
	return sorted[lo] + float64(t*(sorted[hi]-sorted[lo]))
}
