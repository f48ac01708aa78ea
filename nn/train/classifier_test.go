package train

import (
	"context"
	"math"
	"slices"
	"testing"

	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/accel/cpu"
	"github.com/pipe-ml/pipe/accel/rng"
	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/model"
	"github.com/pipe-ml/pipe/nn/optim"
	"github.com/pipe-ml/pipe/nn/peft"
	"github.com/pipe-ml/pipe/nn/program"
)

// noise is n images of random pixels with two classes in turn: nothing to generalise, only to remember.
func noise(n, size int) Images {
	r := rng.New(5, "noise")
	out := Images{Size: size, Channels: 1, Pixels: make([]byte, n*size*size), Labels: make([]int32, n)}
	for i := range out.Pixels {
		out.Pixels[i] = byte(r.Intn(256))
	}
	for i := range out.Labels {
		out.Labels[i] = int32(i % 2)
	}
	return out
}

func upTo(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// small is a variant cut to images of size for two classes.
func small(t *testing.T, name string, size int) model.Classifier {
	t.Helper()
	v, err := model.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	m, err := v.New(model.Options{Size: size, Channels: 1, Classes: 2})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// task is the training of m on eight images of noise.
func task(m model.Classifier, steps int) *Classifier {
	return &Classifier{
		Model: m, Weights: layer.NewWeights(1), Images: noise(8, m.Input().Size), Train: upTo(8), BatchSize: 8, Seed: 1,
		Config: Config{Optim: optim.Config{Rule: "adamw", Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, ClipNorm: 1}, Schedule: optim.Schedule{Kind: "cosine", Peak: 3e-3, Warmup: 2, Total: steps}},
	}
}

func logits(t *testing.T, c *Classifier, threads, batch int) []float32 {
	t.Helper()
	dev := cpu.New(threads)
	defer dev.Close()
	mem := program.NewMemory(dev)
	p, err := NewPredictor(mem, c.Model, c.Weights, c.Plan, batch)
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.Predict(context.Background(), c.Images, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if err := mem.Close(); err != nil {
		t.Error(err)
	}
	return out.Logits
}

func TestTinyNetworksRememberEightImages(t *testing.T) {
	for _, c := range []struct {
		name        string
		size, steps int
	}{
		{"vit_micro_patch8_64", 16, 40},
		{"resnet10_64", 32, 40},
		{"mobilenet_v1_micro_64", 32, 60},
	} {
		t.Run(c.name, func(t *testing.T) {
			fit := task(small(t, c.name, c.size), c.steps)
			dev := cpu.New(1)
			res, err := fit.Fit(context.Background(), dev)
			if err != nil {
				t.Fatal(err)
			}
			if res.Loss > 0.1 {
				t.Errorf("the loss is still %v after %d steps", res.Loss, res.Steps)
			}
			out := logits(t, fit, 1, 8)
			for i, label := range fit.Images.Labels {
				if (out[2*i+1] > out[2*i]) != (label == 1) && c.name == "vit_micro_patch8_64" {
					t.Errorf("image %d is taken for the other class", i)
				}
			}
			if live := dev.Mem().Live; live != 0 {
				t.Errorf("%d bytes are still held", live)
			}
		})
	}
}

func TestTrainingGivesTheSameBitsWithOneAndTwoThreads(t *testing.T) {
	for _, name := range []string{"vit_micro_patch8_64", "resnet10_64"} {
		var first []float32
		for _, threads := range []int{1, 2} {
			fit := task(small(t, name, 32), 3)
			fit.Augment = Augment{Shift: 2, Flip: true}
			if _, err := fit.Fit(context.Background(), cpu.New(threads)); err != nil {
				t.Fatal(err)
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

func TestPredictionsDoNotDependOnTheBatch(t *testing.T) {
	for _, name := range []string{"vit_micro_patch8_64", "resnet10_64"} {
		fit := task(small(t, name, 32), 0)
		if a, b := logits(t, fit, 1, 8), logits(t, fit, 1, 3); !slices.Equal(a, b) {
			t.Errorf("%s: %v in a batch of eight, %v in batches of three", name, a, b)
		}
	}
}

func TestRunKeepsTheBestStateAndStopsEarly(t *testing.T) {
	fit := task(small(t, "vit_micro_patch8_64", 16), 20)
	fit.Train = upTo(4)
	// Four images with swapped labels: the more is learned, the worse the validation.
	fit.Val = []int{4, 5, 6, 7}
	for i := range 4 {
		copy(fit.Images.Pixels[(4+i)*256:(5+i)*256], fit.Images.Pixels[i*256:(i+1)*256])
		fit.Images.Labels[4+i] = 1 - fit.Images.Labels[i]
	}
	fit.BatchSize = 4
	fit.Config.EvalEvery, fit.Config.Patience = 1, 3
	vals := map[int]float64{}
	fit.Progress = func(step, _ int, values map[string]float64) { vals[step] = values["val"] }
	res, err := fit.Fit(context.Background(), cpu.New(1))
	if err != nil {
		t.Fatal(err)
	}
	if !res.Early || res.Steps > 15 || res.BestStep > 0 && res.Best != vals[res.BestStep] || res.Steps != res.BestStep+3 {
		t.Errorf("%+v, validations %v", res, vals)
	}
	out := logits(t, fit, 1, 4)
	sum := 0.0
	for i := 4; i < 8; i++ {
		sum += logSumExp(out[2*i:2*i+2]) - float64(out[2*i+int(fit.Images.Labels[i])])
	}
	if math.Abs(sum/4-res.Best) > 1e-9 {
		t.Errorf("the weights have validation %v, the best was %v", sum/4, res.Best)
	}
}

func TestFineTuningLeavesFrozenWeightsAlone(t *testing.T) {
	for _, method := range []string{"lora", "linear", "norm"} {
		fit := task(small(t, "vit_micro_patch8_64", 16), 3)
		network := func(b *layer.Builder) {
			in := b.Input("images", tensor.Float32, 1, 1, 16, 16)
			fit.Model.Head(b, fit.Model.Features(b, in))
		}
		a, err := peft.Prepare(network, fit.Weights, peft.Options{Method: method})
		if err != nil {
			t.Fatal(err)
		}
		fit.Plan = a.Plan
		before := fit.Weights.Clone()
		if _, err := fit.Fit(context.Background(), cpu.New(1)); err != nil {
			t.Fatal(err)
		}
		trained := map[string]bool{}
		for _, p := range a.Trainable {
			trained[p.Name] = true
		}
		for _, name := range fit.Weights.Names() {
			if same := slices.Equal(before.Data(name), fit.Weights.Data(name)); same == trained[name] {
				t.Errorf("%s: %s trains %v, is the same %v", method, name, trained[name], same)
			}
		}
	}
}

func TestNothingToTrainOnIsRefused(t *testing.T) {
	fit := task(small(t, "vit_micro_patch8_64", 16), 3)
	fit.Train = nil
	if _, err := fit.Fit(context.Background(), cpu.New(1)); err == nil {
		t.Error("an empty training set was accepted")
	}
}
