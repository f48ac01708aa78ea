package metric

import (
	"cmp"
	"math"
	"slices"
)

// F1Micro is the F1 score of all decisions together, as scikit-learn's f1_score(average="micro"). Where every row has one class and one
// prediction it is the accuracy.
func F1Micro(p Predictions) float64 {
	tp, fp, fn := confusions(p)
	hits, misses := 0, 0
	for c := range tp {
		hits += tp[c]
		misses += fp[c] + fn[c]
	}
	return 2 * float64(hits) / float64(2*hits+misses)
}

// F1Weighted is the mean F1 score of the classes by how many rows have them, as scikit-learn's f1_score(average="weighted").
func F1Weighted(p Predictions) float64 {
	tp, fp, fn := confusions(p)
	sum := 0.0
	for c := range tp {
		if rows := tp[c] + fn[c]; rows > 0 {
			sum += float64(rows) * 2 * float64(tp[c]) / float64(2*tp[c]+fp[c]+fn[c])
		}
	}
	return sum / float64(len(p.Probs))
}

// confusions counts, class by class, true positives, false positives and false negatives.
func confusions(p Predictions) (tp, fp, fn []int) {
	classes := len(p.Probs[0])
	tp, fp, fn = make([]int, classes), make([]int, classes), make([]int, classes)
	for i, row := range p.Probs {
		got, want := argmax(row), p.Labels[i]
		if got == want {
			tp[got]++
			continue
		}
		fp[got]++
		fn[want]++
	}
	return tp, fp, fn
}

// AUROCWeighted is the one-vs-rest area under the ROC curve, averaged by how many rows have a class, as scikit-learn's
// roc_auc_score(multi_class="ovr", average="weighted"). Of two classes it is AUROC. NaN when no class has both kinds of rows.
func AUROCWeighted(p Predictions) float64 {
	classes := len(p.Probs[0])
	if classes == 2 {
		return auroc(p, 1)
	}
	rows := make([]int, classes)
	for _, label := range p.Labels {
		rows[label]++
	}
	sum, seen := 0.0, 0
	for c := range classes {
		if a := auroc(p, c); !math.IsNaN(a) {
			sum += float64(float64(rows[c]) * a)
			seen += rows[c]
		}
	}
	if seen == 0 {
		return math.NaN()
	}
	return sum / float64(seen)
}

// ECEAdaptive is the expected calibration error of the most probable class in bins of as many rows each, to one (Nguyen and O'Connor 2015,
// arXiv:1508.05154): bins where the confidences are. Rows of one confidence stay in the order of the rows.
func ECEAdaptive(p Predictions) float64 {
	n := len(p.Probs)
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	confidence := func(i int) float64 { return p.Probs[i][argmax(p.Probs[i])] }
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(confidence(a), confidence(b)) })
	sum := 0.0
	for b := range eceBins {
		off := 0.0
		for _, i := range order[b*n/eceBins : (b+1)*n/eceBins] {
			off -= confidence(i)
			if argmax(p.Probs[i]) == p.Labels[i] {
				off++
			}
		}
		sum += math.Abs(off)
	}
	return sum / float64(n)
}

// ECEClasswise is the mean over the classes of the calibration error of each class's probability (Kull et al. 2019, arXiv:1910.12656).
func ECEClasswise(p Predictions) float64 {
	classes := len(p.Probs[0])
	sum := 0.0
	for c := range classes {
		var off [eceBins]float64
		for i, row := range p.Probs {
			bin := min(int(row[c]*eceBins), eceBins-1)
			off[bin] -= row[c]
			if p.Labels[i] == c {
				off[bin]++
			}
		}
		for _, v := range off {
			sum += math.Abs(v)
		}
	}
	return sum / float64(classes*len(p.Probs))
}
