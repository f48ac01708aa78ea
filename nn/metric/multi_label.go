package metric

import (
	"errors"
	"fmt"
	"math"
)

// MultiLabel is the probability of each class by itself [n][classes], and whether the row has the class: 1, 0, or negative where that
// is not known, which counts for nothing.
type MultiLabel struct {
	Probs, Targets [][]float64
}

// Check reports the first row that no metric could read.
func (m MultiLabel) Check() error {
	if len(m.Probs) == 0 {
		return errors.New("no predictions to score")
	}
	if len(m.Probs) != len(m.Targets) {
		return fmt.Errorf("%d predictions for %d targets", len(m.Probs), len(m.Targets))
	}
	for i, row := range m.Probs {
		if len(row) != len(m.Probs[0]) || len(m.Targets[i]) != len(row) {
			return fmt.Errorf("row %d has %d predictions and %d targets, the first %d predictions", i, len(row), len(m.Targets[i]), len(m.Probs[0]))
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
func (m MultiLabel) At(rows []int) MultiLabel {
	q := MultiLabel{Probs: make([][]float64, len(rows)), Targets: make([][]float64, len(rows))}
	for i, r := range rows {
		q.Probs[i], q.Targets[i] = m.Probs[r], m.Targets[r]
	}
	return q
}

// binary gives the known questions of the classes in turn as predictions of "no" and "yes".
func (m MultiLabel) binary(classes ...int) (p Predictions) {
	for _, c := range classes {
		for i, row := range m.Probs {
			if t := m.Targets[i][c]; t >= 0 {
				p.Probs, p.Labels = append(p.Probs, []float64{1 - row[c], row[c]}), append(p.Labels, int(t))
			}
		}
	}
	return p
}

func (m MultiLabel) classes() []int {
	all := make([]int, len(m.Probs[0]))
	for c := range all {
		all[c] = c
	}
	return all
}

// macro is the mean of a figure over the classes for which there is one, else NaN.
func (m MultiLabel) macro(figure func(Predictions) float64) float64 {
	sum, seen := 0.0, 0
	for _, c := range m.classes() {
		if p := m.binary(c); len(p.Probs) > 0 {
			if v := figure(p); !math.IsNaN(v) {
				sum += v
				seen++
			}
		}
	}
	if seen == 0 {
		return math.NaN()
	}
	return sum / float64(seen)
}

// AUROC is the mean area under the ROC curve of the classes that some rows have and others lack, as published for chest radiographs.
func (m MultiLabel) AUROC() float64 { return m.macro(AUROC) }

// F1 is the mean F1 score of the classes that a row has or is said to have, at a probability of one half.
func (m MultiLabel) F1() float64 {
	return m.macro(func(p Predictions) float64 {
		both, either := 0, 0
		for i, row := range p.Probs {
			got := argmax(row)
			both += got * p.Labels[i]
			either += got + p.Labels[i]
		}
		if either == 0 {
			return math.NaN()
		}
		return 2 * float64(both) / float64(either)
	})
}

// Accuracy is the share of the known questions, whether a row has a class, that are answered right at a probability of one half.
func (m MultiLabel) Accuracy() float64 { return Accuracy(m.binary(m.classes()...)) }

// ECE is the expected calibration error of these answers.
func (m MultiLabel) ECE() float64 { return ECE(m.binary(m.classes()...)) }
