package metric

import (
	"math"
	"testing"
)

func TestSeveralLabelsAreScoredClassByClass(t *testing.T) {
	m := MultiLabel{
		Probs:   [][]float64{{0.9, 0.2, 0.3}, {0.6, 0.7, 0.1}, {0.4, 0.8, 0.2}, {0.1, 0.6, 0.4}},
		Targets: [][]float64{{1, 0, 0}, {0, 1, 0}, {1, -1, 0}, {0, 0, 0}},
	}
	if err := m.Check(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name      string
		got, want float64
	}{
		// By hand: class 0 has 3 of 4 pairs in order, class 1 both of 2 (one row is not known), class 2 no positive.
		{"auroc", m.AUROC(), (0.75 + 1) / 2},
		// Class 0: 1 of 2 found, 1 false; class 1: 1 of 1 found, 1 false; class 2 is neither had nor said.
		{"f1", m.F1(), (0.5 + 2./3) / 2},
		{"accuracy", m.Accuracy(), 8. / 11},
		{"f1 of two rows", m.At([]int{0, 0}).F1(), 1},
	} {
		if math.Abs(c.got-c.want) > 1e-12 {
			t.Errorf("%s is %v, want %v", c.name, c.got, c.want)
		}
	}
	if ece := m.ECE(); !(ece > 0 && ece < 0.5) {
		t.Errorf("ece is %v", ece)
	}
	sure := MultiLabel{Probs: [][]float64{{1, 0}, {0, 1}}, Targets: [][]float64{{1, 0}, {0, 1}}}
	if sure.ECE() != 0 || sure.Accuracy() != 1 {
		t.Errorf("sure and right: ece %v, accuracy %v", sure.ECE(), sure.Accuracy())
	}
}

func TestRowsThatNoMetricReadsAreRefused(t *testing.T) {
	for name, m := range map[string]MultiLabel{
		"none":    {},
		"ragged":  {Probs: [][]float64{{1, 0}, {1}}, Targets: [][]float64{{1, 0}, {1}}},
		"lacking": {Probs: [][]float64{{1, 0}}, Targets: [][]float64{{1}}},
		"NaN":     {Probs: [][]float64{{math.NaN()}}, Targets: [][]float64{{1}}},
	} {
		if m.Check() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
