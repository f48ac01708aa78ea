package stages

import (
	"fmt"
	"strings"

	"github.com/pipe-ml/pipe/accel/elementary"
	"github.com/pipe-ml/pipe/nn/metric"
	"github.com/pipe-ml/pipe/stages/artifact"
)

// The metrics of a classifier that judges each class by itself, by name.
var multiLabelMetrics = map[string]func(metric.MultiLabel) float64{
	"accuracy": metric.MultiLabel.Accuracy, "f1": metric.MultiLabel.F1, "auroc": metric.MultiLabel.AUROC, "ece": metric.MultiLabel.ECE,
}

// byClass are such probabilities.
type byClass struct{ metric.MultiLabel }

// score is a figure over some of the rows.
func (p byClass) score(name string) (func(rows []int) float64, error) {
	figure := multiLabelMetrics[name]
	if figure == nil {
		return nil, fmt.Errorf("%s: the model judges each class by itself: ask for %s", name, strings.Join(sortedKeys(multiLabelMetrics), ", "))
	}
	return func(rows []int) float64 { return figure(p.At(rows)) }, nil
}

// multiLabel pairs probabilities with what the images at rows have, a row each; classes are the model's by the data's. Of images
// with one class each, that is all they have.
func multiLabel(probs [][]float64, data *artifact.Images, rows, classes []int) byClass {
	p := metric.MultiLabel{Probs: probs}
	for _, i := range rows {
		t, has := make([]float64, len(classes)), data.Records[i].Labels
		if !data.Info.MultiLabel {
			has = []int{data.Records[i].Label}
		}
		for _, c := range has {
			t[classes[c]] = 1
		}
		p.Targets = append(p.Targets, t)
	}
	return byClass{p}
}

// sigmoid turns a row of logits into probabilities of each by itself.
func sigmoid(logits []float32) []float64 {
	p := make([]float64, len(logits))
	for i, v := range logits {
		p[i] = 1 / (1 + elementary.Exp(-float64(v)))
	}
	return p
}
