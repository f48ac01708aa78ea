package train

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/accel/elementary"
	"github.com/pipe-ml/pipe/nn/augment"
	"github.com/pipe-ml/pipe/nn/layer"
)

// The losses.
const (
	CrossEntropy = "cross_entropy" // one class an image
	BCE          = "bce"           // each class by itself: several an image, or none
)

// Loss says how a classifier's logits are judged. The zero value is the cross-entropy.
type Loss struct {
	Kind      string    // CrossEntropy, which "" means too, or BCE
	Smoothing float64   // of the targets: towards all classes alike, of images with several labels towards 0.5, as timm does
	Weights   []float32 // of the classes as PyTorch's weight, with BCE of the positives as its pos_weight; nil: all 1
}

// Balanced gives weights by which classes count alike however many of the images at index have them: n / (classes * count) as
// scikit-learn's "balanced"; of BCE, those that lack a class for each that has it. A class that none has weighs 1.
func (s Images) Balanced(kind string, classes int, index []int) []float32 {
	has, known := make([]float64, classes), make([]float64, classes)
	row := make([]float32, classes)
	for _, i := range index {
		s.target(row, i)
		for c, t := range row {
			if t >= 0 {
				known[c]++
				has[c] += float64(t)
			}
		}
	}
	weights := make([]float32, classes)
	for c := range weights {
		switch {
		case has[c] == 0:
			weights[c] = 1
		case kind == BCE:
			weights[c] = float32((known[c] - has[c]) / has[c])
		default:
			weights[c] = float32(known[c] / (float64(classes) * has[c]))
		}
	}
	return weights
}

// target writes the target of image i to row: 1 for each class that it has, 0 for the others, -1 where that is not known.
func (s Images) target(row []float32, i int) {
	if s.Targets != nil {
		copy(row, s.Targets[i*len(row):])
		return
	}
	for c := range row {
		row[c] = 0
		if s.Labels[i] < 0 {
			row[c] = -1
		}
	}
	if label := int(s.Labels[i]); label >= 0 {
		row[label] = 1
	}
}

// objective is the loss in a graph, with what it reads beside the logits.
type objective struct {
	loss    Loss
	mix     augment.Mix
	classes int
	value   *layer.Node
	labels  *layer.Node // int32 [N], of the plain cross-entropy
	targets *layer.Node // [N, C]
	weights *layer.Node // [C]
}

// build adds the loss of logits [N, C]. Whole labels are enough for the cross-entropy unless images are mixed or classes weighted.
func (l Loss) build(b *layer.Builder, logits *layer.Node, batch, classes int, mix augment.Mix) (*objective, error) {
	o := &objective{loss: l, mix: mix, classes: classes}
	switch {
	case l.Weights != nil && len(l.Weights) != classes:
		return nil, fmt.Errorf("%d weights for %d classes", len(l.Weights), classes)
	case l.Kind == BCE:
		o.targets, o.weights = b.Input("targets", tensor.Float32, batch, classes), b.Input("pos_weight", tensor.Float32, classes)
		o.value = b.BCEWithLogits(logits, o.targets, o.weights)
	case l.Kind != "" && l.Kind != CrossEntropy:
		return nil, fmt.Errorf("loss %q: want %s or %s", l.Kind, CrossEntropy, BCE)
	case l.Weights != nil || mix != augment.Mix{}:
		o.targets = b.Input("targets", tensor.Float32, batch, classes)
		o.value = b.SoftCrossEntropy(logits, o.targets)
	default:
		o.labels = b.Input("labels", tensor.Int32, batch)
		o.value = b.CrossEntropy(logits, o.labels, float32(l.Smoothing))
	}
	return o, nil
}

// feed sets what the loss reads of the images at index, which are joined.
func (o *objective) feed(n *Network, s Images, index []int, joint augment.Joint) error {
	if o.labels != nil {
		classes := make([]int32, len(index))
		for j, i := range index {
			classes[j] = s.Labels[i]
		}
		return n.Set(o.labels, classes)
	}
	t := o.rows(s, index, joint)
	if o.weights == nil {
		return n.Set(o.targets, t)
	}
	weights := o.loss.Weights
	if weights == nil {
		weights = slices.Repeat([]float32{1}, o.classes)
	}
	return errors.Join(n.Set(o.targets, t), n.Set(o.weights, weights))
}

// rows are the targets [N, C] of the images at index: smoothed, joined and, of the cross-entropy, weighted.
func (o *objective) rows(s Images, index []int, joint augment.Joint) []float32 {
	t := make([]float32, len(index)*o.classes)
	for j, i := range index {
		s.target(t[j*o.classes:(j+1)*o.classes], i)
	}
	if o.loss.Kind == BCE {
		middle := 1 / float64(o.classes)
		if s.Targets != nil {
			middle = 0.5
		}
		o.smooth(t, middle)
		joint.Targets(t, o.classes)
		return t
	}
	mass := o.mass(t, joint)
	o.smooth(t, 1/float64(o.classes))
	joint.Targets(t, o.classes)
	o.weigh(t, mass)
	return t
}

// smooth moves the known targets towards a middle.
func (o *objective) smooth(t []float32, middle float64) {
	if o.loss.Smoothing == 0 {
		return
	}
	for k, v := range t {
		if v >= 0 {
			t[k] = float32(float64(float64(v)*(1-o.loss.Smoothing)) + float64(o.loss.Smoothing*middle))
		}
	}
}

// mass is what the weights of the images' own classes add up to, joined: what PyTorch divides a weighted cross-entropy by. Of an
// image without a class, all targets of which are -1, it is 0.
func (o *objective) mass(t []float32, joint augment.Joint) float64 {
	own := slices.Clone(t)
	joint.Targets(own, o.classes)
	sum := 0.0
	for k, v := range own {
		if v > 0 {
			sum += float64(float64(v) * o.weight(k%o.classes))
		}
	}
	return sum
}

func (o *objective) weight(class int) float64 {
	if o.loss.Weights == nil {
		return 1
	}
	return float64(o.loss.Weights[class])
}

// weigh turns the targets into those of a mean over all rows that is PyTorch's weighted mean over the rows that have a class.
func (o *objective) weigh(t []float32, mass float64) {
	scale := 0.0
	if mass > 0 {
		scale = float64(len(t)/o.classes) / mass
	}
	for k, v := range t {
		t[k] = float32(float64(float64(max(v, 0))*o.weight(k%o.classes)) * scale)
	}
}

// judge is the loss of one image's logits without smoothing and weights, and whether anything of its target is known: what a
// validation adds up.
func (l Loss) judge(logits, target []float32) (loss float64, known bool) {
	if l.Kind == BCE {
		n := 0.0
		for c, t := range target {
			if t >= 0 {
				x := float64(logits[c])
				loss += math.Max(x, 0) - float64(x*float64(t)) + elementary.Log(1+elementary.Exp(-math.Abs(x)))
				n++
			}
		}
		return loss / max(n, 1), n > 0
	}
	for c, t := range target {
		if t < 0 {
			return 0, false
		}
		if t > 0 {
			return logSumExp(logits) - float64(logits[c]), true
		}
	}
	return 0, false
}
