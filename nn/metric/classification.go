package metric

import (
	"fmt"
	"math"
	"slices"
)

// Predictions are the class probabilities [n][classes] that a model gave and the true classes [n].
type Predictions struct {
	Probs  [][]float64
	Labels []int
}

// Check reports the first row that no metric could read.
func (p Predictions) Check() error {
	if len(p.Probs) == 0 {
		return fmt.Errorf("no predictions to score")
	}
	if len(p.Probs) != len(p.Labels) {
		return fmt.Errorf("%d predictions for %d labels", len(p.Probs), len(p.Labels))
	}
	classes := len(p.Probs[0])
	for i, row := range p.Probs {
		if len(row) != classes {
			return fmt.Errorf("prediction %d has %d classes, the first has %d", i, len(row), classes)
		}
		if p.Labels[i] < 0 || p.Labels[i] >= classes {
			return fmt.Errorf("label %d of row %d is not one of %d classes", p.Labels[i], i, classes)
		}
		for _, v := range row {
			if math.IsNaN(v) {
				return fmt.Errorf("prediction %d is NaN: the model diverged", i)
			}
		}
	}
	return nil
}

// At selects rows; an index may occur several times.
func (p Predictions) At(rows []int) Predictions {
	q := Predictions{Probs: make([][]float64, len(rows)), Labels: make([]int, len(rows))}
	for i, r := range rows {
		q.Probs[i], q.Labels[i] = p.Probs[r], p.Labels[r]
	}
	return q
}

// argmax is the first index of the largest value.
func argmax(row []float64) int {
	best := 0
	for j, v := range row {
		if v > row[best] {
			best = j
		}
	}
	return best
}

// Accuracy is the share of rows whose most probable class is the label.
func Accuracy(p Predictions) float64 {
	hits := 0
	for i, row := range p.Probs {
		if argmax(row) == p.Labels[i] {
			hits++
		}
	}
	return float64(hits) / float64(len(p.Probs))
}

// F1 is the macro-averaged F1 score: the plain mean over the classes that occur as a label or as a
// prediction, as scikit-learn's f1_score(average="macro").
func F1(p Predictions) float64 {
	tp, fp, fn := confusions(p)
	sum, seen := 0.0, 0
	for c := range tp {
		if n := 2*tp[c] + fp[c] + fn[c]; n > 0 {
			sum += 2 * float64(tp[c]) / float64(n)
			seen++
		}
	}
	return sum / float64(seen)
}

// AUROC is the area under the ROC curve: of class 1 for two classes, else the macro mean of one-vs-rest
// over the classes that have both positives and negatives. Ties count one half. NaN when no class has both.
func AUROC(p Predictions) float64 {
	classes := len(p.Probs[0])
	if classes == 2 {
		return auroc(p, 1)
	}
	sum, seen := 0.0, 0
	for c := range classes {
		if a := auroc(p, c); !math.IsNaN(a) {
			sum += a
			seen++
		}
	}
	if seen == 0 {
		return math.NaN()
	}
	return sum / float64(seen)
}

// auroc is the Mann-Whitney statistic of class c against the rest, from midranks.
func auroc(p Predictions, c int) float64 {
	order := make([]int, len(p.Probs))
	for i := range order {
		order[i] = i
	}
	score := func(i int) float64 { return p.Probs[order[i]][c] }
	slices.SortStableFunc(order, func(a, b int) int {
		switch x, y := p.Probs[a][c], p.Probs[b][c]; {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
	positives, rankSum := 0.0, 0.0
	for lo := 0; lo < len(order); {
		hi := lo + 1
		for hi < len(order) && score(hi) == score(lo) {
			hi++
		}
		midrank := float64(lo+hi+1) / 2
		for i := lo; i < hi; i++ {
			if p.Labels[order[i]] == c {
				positives++
				rankSum += midrank
			}
		}
		lo = hi
	}
	negatives := float64(len(order)) - positives
	if positives == 0 || negatives == 0 {
		return math.NaN()
	}
	return (rankSum - float64(positives*(positives+1)/2)) / (positives * negatives)
}

// eceBins is the number of equal-width confidence bins, as Guo et al., "On Calibration of Modern Neural
// Networks" (2017).
const eceBins = 15

// ECE is the expected calibration error of the most probable class.
func ECE(p Predictions) float64 {
	var confidence, hits [eceBins]float64
	for i, row := range p.Probs {
		c := argmax(row)
		bin := min(int(row[c]*eceBins), eceBins-1)
		confidence[bin] += row[c]
		if c == p.Labels[i] {
			hits[bin]++
		}
	}
	sum := 0.0
	for b := range eceBins {
		sum += math.Abs(hits[b] - confidence[b])
	}
	return sum / float64(len(p.Probs))
}
