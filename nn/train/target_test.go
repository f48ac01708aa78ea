package train

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/pipe-ml/pipe/accel/cpu"
	"github.com/pipe-ml/pipe/nn/augment"
	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/model"
)

// soft is the loss of soft_cross_entropy.
func soft(logits [][]float32, targets []float32) (loss float64) {
	classes := len(logits[0])
	for i, row := range logits {
		for c, x := range row {
			loss += float64(targets[i*classes+c]) * (logSumExp(row) - float64(x)) / float64(len(logits))
		}
	}
	return loss
}

// What torch.nn.functional.cross_entropy of PyTorch 2.15 makes of these logits with weight and label_smoothing.
func TestTargetsGiveTheWeightedCrossEntropyOfPyTorch(t *testing.T) {
	logits := [][]float32{{1.5, -0.5, 0.25}, {-2, 3, 0.5}, {0.1, 0.2, -4}}
	set := Images{Labels: []int32{0, 2, 1, -1}}
	for _, c := range []struct {
		loss Loss
		want float64
	}{
		{Loss{Weights: []float32{0.5, 2, 1.25}}, 1.2564863708476472},
		{Loss{Weights: []float32{0.5, 2, 1.25}, Smoothing: 0.1}, 1.3137028663377066},
	} {
		o := &objective{loss: c.loss, classes: 3}
		if got := soft(logits, o.rows(set, []int{0, 1, 2}, augment.Joint{Share: 1})); math.Abs(got-c.want) > 1e-6 {
			t.Errorf("%+v: %v, want %v", c.loss, got, c.want)
		}
		// An image without a class is as if it were not there.
		with := append(slices.Clone(logits), []float32{7, -7, 0})
		if got := soft(with, o.rows(set, []int{0, 1, 2, 3}, augment.Joint{Share: 1})); math.Abs(got-c.want) > 1e-6 {
			t.Errorf("%+v with an image without a class: %v, want %v", c.loss, got, c.want)
		}
	}
	o := &objective{loss: Loss{Kind: BCE, Smoothing: 0.2}, classes: 2}
	several := Images{Labels: []int32{-1, -1}, Targets: []float32{1, 0, -1, 1}}
	o.classes = 4
	single := o.rows(Images{Labels: []int32{1}}, []int{0}, augment.Joint{Share: 1}) // timm's one_hot: smoothing / classes
	for i, want := range []float64{0.05, 0.85, 0.05, 0.05} {
		if math.Abs(float64(single[i])-want) > 1e-6 {
			t.Errorf("smoothed target %d of a single label is %v, want %v", i, single[i], want)
		}
	}
	o.classes = 2
	got := o.rows(several, []int{0, 1}, augment.Joint{Share: 1})
	for i, want := range []float64{0.9, 0.1, -1, 0.9} {
		if math.Abs(float64(got[i])-want) > 1e-6 {
			t.Errorf("smoothed target %d is %v, want %v", i, got[i], want)
		}
	}
}

func TestBalancedWeightsMakeClassesCountAlike(t *testing.T) {
	one := Images{Labels: []int32{0, 0, 0, 1, -1, 3, 3, 3}}
	// scikit-learn's compute_class_weight("balanced") of 0 0 0 1: n / (classes * count).
	if got, want := one.Balanced(CrossEntropy, 2, []int{0, 1, 2, 3, 4}), []float32{4. / 6, 2}; !slices.Equal(got, want) {
		t.Errorf("cross-entropy: %v, want %v", got, want)
	}
	several := Images{Labels: make([]int32, 3), Targets: []float32{1, 0, -1, 0, 0, 1, 0, 0, 1}}
	if got, want := several.Balanced(BCE, 3, []int{0, 1, 2}), []float32{2, 1, 0}; !slices.Equal(got, want) {
		t.Errorf("binary: %v, want %v", got, want)
	}
}

// timm's param_groups_layer_decay at 0.5: the head learns at the whole rate, the last block and the norm behind it at half, and so on.
func TestLayersLearnAtTheRatesOfTimm(t *testing.T) {
	m := small(t, "vit_micro_patch8_64", 16)
	blocks := len(m.Groups()) - 2
	r := Rates{LayerDecay: 0.5, Head: 10}
	for _, c := range []struct {
		p    layer.Param
		want float64
	}{
		{layer.Param{Name: "head.weight", Head: true}, 10},
		{layer.Param{Name: "norm.bias"}, 0.5},
		{layer.Param{Name: fmt.Sprintf("blocks.%d.mlp.fc1.weight", blocks-1)}, 0.5},
		{layer.Param{Name: "blocks.0.norm1.weight"}, math.Pow(0.5, float64(blocks))},
		{layer.Param{Name: "pre_logits.tsa_beta", Added: true}, 0.5},
		{layer.Param{Name: "shared.fact_u", Added: true}, 1},
		{layer.Param{Name: "pos_embed"}, math.Pow(0.5, float64(blocks+1))},
	} {
		if got, err := r.of(c.p, m.Groups()); err != nil || got != c.want {
			t.Errorf("%s learns at %v, want %v: %v", c.p.Name, got, c.want, err)
		}
		if got, err := (Rates{}).of(c.p, m.Groups()); err != nil || got != 1 {
			t.Errorf("%s learns at %v without a decay", c.p.Name, got)
		}
	}
	if got, err := r.of(layer.Param{Name: "elsewhere.a"}, m.Groups()); err == nil {
		t.Errorf("a parameter outside of the groups learns at %v", got)
	}
	// Every parameter of every kind of network has a group.
	for _, name := range []string{"vit_micro_patch8_64", "resnet10_64", "mobilenet_v1_micro_64"} {
		fit := task(small(t, name, 32), 2)
		mustFit(t, fit)
		for _, p := range fit.Weights.Names() {
			if !slices.ContainsFunc(fit.Model.Groups(), func(g model.Group) bool { return g.Has(p) }) {
				t.Errorf("%s: %s is in no group", name, p)
			}
		}
	}
}

func TestEveryRecipeLearnsTheSameBitsWithOneAndTwoThreads(t *testing.T) {
	findings := make([]float32, 8*2)
	for i := range 8 {
		findings[2*i], findings[2*i+1] = float32(i%2), float32(i/2%2)
	}
	findings[3] = -1
	for name, change := range map[string]func(*Classifier){
		"weighted":          func(c *Classifier) { c.Loss = Loss{Weights: []float32{1, 3}, Smoothing: 0.1} },
		"several labels":    func(c *Classifier) { c.Loss.Kind, c.Images.Targets = BCE, findings },
		"one label, binary": func(c *Classifier) { c.Loss = Loss{Kind: BCE, Weights: []float32{2, 1}} },
		"mixed":             func(c *Classifier) { c.Augment.Mix = augment.Mix{Mixup: 0.1, CutMix: 0.1} },
		"changed":           func(c *Classifier) { c.Augment.Policy = augment.Policy{Operations: 1, Magnitude: 3, Erasing: 0.2} },
		"decayed":           func(c *Classifier) { c.Rates = Rates{LayerDecay: 0.8, Head: 2} },
	} {
		var first []float32
		for _, threads := range []int{1, 2} {
			fit := task(small(t, "vit_micro_patch8_64", 16), 30)
			change(fit)
			fit.Val, fit.Config.EvalEvery = upTo(8), 30
			fit.Config.Schedule.Peak = 6e-3
			var before float64
			fit.Progress = func(step, _ int, values map[string]float64) {
				if step == 1 {
					before = values["loss"]
				}
			}
			res, err := fit.Fit(context.Background(), cpu.New(threads))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if res.Loss > 0.7*before || res.Best > 0.7*math.Ln2 {
				t.Errorf("%s: the loss went from %v to %v, that of the validation to %v", name, before, res.Loss, res.Best)
			}
			out := logits(t, fit, threads, 8)
			if first == nil {
				first = out
			} else if !slices.Equal(first, out) {
				t.Errorf("%s: logits %v with one thread, %v with two", name, first[:2], out[:2])
			}
		}
	}
}

func TestLabelsAndTargetsOfOtherClassesAreRefused(t *testing.T) {
	for name, change := range map[string]func(*Classifier){
		"a label too high": func(c *Classifier) { c.Images.Labels[3] = 2 },
		"targets too few":  func(c *Classifier) { c.Images.Targets = make([]float32, 9) },
		"weights too few":  func(c *Classifier) { c.Loss.Weights = []float32{1} },
		"an unknown loss":  func(c *Classifier) { c.Loss.Kind = "hinge" },
		"an unfit policy":  func(c *Classifier) { c.Augment.Policy.Hue = 2 },
	} {
		fit := task(small(t, "vit_micro_patch8_64", 16), 1)
		change(fit)
		if _, err := fit.Fit(context.Background(), cpu.New(1)); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}
