package artifact

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pipe-ml/pipe/accel/cpu"
	"github.com/pipe-ml/pipe/nn/diffusion"
	"github.com/pipe-ml/pipe/nn/model"
	"github.com/pipe-ml/pipe/nn/peft"
	"github.com/pipe-ml/pipe/nn/program"
	"github.com/pipe-ml/pipe/nn/token"
	"github.com/pipe-ml/pipe/nn/train"
)

var twoClasses = []string{"no", "yes"}

// logits are a classifier's for one image of a ramp.
func logits(t *testing.T, c *Classifier) []float32 {
	t.Helper()
	in := c.Info.Input
	set := train.Images{Size: in.Size, Channels: in.Channels, Labels: []int32{0}, Pixels: make([]byte, in.Channels*in.Size*in.Size)}
	for i := range set.Pixels {
		set.Pixels[i] = byte(i * 7)
	}
	p, err := train.NewPredictor(program.NewMemory(cpu.New(1)), c.Model, c.Weights, c.Plan(), 1)
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.Predict(context.Background(), set, nil)
	if err != nil {
		t.Fatal(err)
	}
	return out.Logits
}

func classifier(t *testing.T, name string) *Classifier {
	t.Helper()
	c, err := NewClassifier(name, model.Options{}, twoClasses, 3)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAClassifierComesBackFromItsFolder(t *testing.T) {
	for _, name := range []string{"vit_micro_patch16_64", "resnet10_64"} {
		c, dir := classifier(t, name), filepath.Join(t.TempDir(), "model")
		if err := c.Write(dir); err != nil {
			t.Fatal(err)
		}
		back, err := ReadClassifier(dir)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.Info, back.Info); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if a, b := logits(t, c), logits(t, back); !slices.Equal(a, b) {
			t.Errorf("%s: logits %v became %v", name, a, b)
		}
	}
}

// perturb changes every trainable parameter, as training would.
func perturb(a *peft.Adapter, data func(string) []float32) {
	for _, name := range a.Delta() {
		for i, x := 0, data(name); i < len(x); i++ {
			x[i] += 0.01 * float32(i%5)
		}
	}
}

func TestAFineTunedClassifierComesBackWithItsBase(t *testing.T) {
	dir := t.TempDir()
	base := filepath.Join(dir, "base")
	if err := classifier(t, "vit_micro_patch16_64").Write(base); err != nil {
		t.Fatal(err)
	}
	for _, method := range peft.Names() {
		t.Run(method, func(t *testing.T) {
			b, err := OpenBackbone(base, "")
			if err != nil {
				t.Fatal(err)
			}
			c, err := b.Classifier([]string{"a", "b", "c"}, 64, 9)
			if err != nil {
				t.Fatal(err)
			}
			c.Adapter, err = peft.Prepare(c.Network, c.Weights, peft.Options{Method: method})
			if errors.Is(err, peft.ErrNothingToTrain) {
				return // a method for other networks
			}
			if err != nil {
				t.Fatal(err)
			}
			perturb(c.Adapter, c.Weights.Data)
			tuned := filepath.Join(t.TempDir(), "tuned")
			if err := b.WriteFineTuned(tuned, c); err != nil {
				t.Fatal(err)
			}
			same(t, filepath.Join(base, weightsFile), filepath.Join(tuned, baseDir, weightsFile))
			back, err := ReadClassifier(tuned)
			if err != nil {
				t.Fatal(err)
			}
			if a, b := logits(t, c), logits(t, back); !slices.Equal(a, b) || len(b) != 3 {
				t.Errorf("logits %v became %v", a, b)
			}
			if _, err := OpenBackbone(tuned, ""); err == nil {
				t.Error("a fine-tuned model was taken for a backbone")
			}
		})
	}
}

func same(t *testing.T, a, b string) {
	t.Helper()
	x, err := os.ReadFile(a)
	if err != nil {
		t.Fatal(err)
	}
	y, err := os.ReadFile(b)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(x, y) {
		t.Errorf("%s and %s differ", a, b)
	}
}

// tokenizer is the folder of a vocabulary made from a text.
func tokenizer(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	tok, err := token.Train([]string{text}, 520)
	if err != nil {
		t.Fatal(err)
	}
	if err := tok.Save(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

func diffusionModel(t *testing.T) *Diffusion {
	t.Helper()
	v, err := diffusion.Lookup("unet_micro")
	if err != nil {
		t.Fatal(err)
	}
	codec, err := diffusion.FitCodec(make([]float32, 64*64), 1, 1, 64, v.Levels)
	if err != nil {
		t.Fatal(err)
	}
	m, err := v.New(64, codec, 520, []int32{0, 1}, 4)
	if err != nil {
		t.Fatal(err)
	}
	return &Diffusion{
		Info: ModelInfo{Architecture: "unet_micro", Task: TaskDiffusion, Captions: 2,
			Input: model.Input{Size: 64, Channels: 1, Mean: []float32{0.5}, Std: []float32{0.5}}},
		Model: m, Tokenizer: tokenizer(t, "small left effusion"),
	}
}

func TestADiffusionModelComesBackFromItsFolder(t *testing.T) {
	d, dir := diffusionModel(t), t.TempDir()
	base, tuned := filepath.Join(dir, "base"), filepath.Join(dir, "tuned")
	if err := d.Write(base); err != nil {
		t.Fatal(err)
	}
	back, err := ReadDiffusion(base, 0)
	if err != nil {
		t.Fatal(err)
	}
	sameWeights(t, d, back)
	if diff := cmp.Diff(d.Model.UNet, back.Model.UNet); diff != "" {
		t.Error(diff)
	}
	if err := back.SameTokenizer(d.Tokenizer); err != nil {
		t.Error(err)
	}
	if back.SameTokenizer(tokenizer(t, "other words")) == nil {
		t.Error("another vocabulary was taken for the model's")
	}
	if back.Adapter, err = peft.Prepare(back.Model.Denoiser, back.Model.Weights, peft.Options{Method: "lora"}); err != nil {
		t.Fatal(err)
	}
	perturb(back.Adapter, back.Model.Weights.Data)
	if err := back.WriteFineTuned(tuned); err != nil {
		t.Fatal(err)
	}
	again, err := ReadDiffusion(tuned, 0)
	if err != nil {
		t.Fatal(err)
	}
	if again.Model.Plan == nil {
		t.Error("the fine-tuned model has no edits")
	}
	sameWeights(t, back, again)
}

func TestWhatFineTuningAddsToADiffusionModelStartsFromTheSeed(t *testing.T) {
	base := filepath.Join(t.TempDir(), "base")
	if err := diffusionModel(t).Write(base); err != nil {
		t.Fatal(err)
	}
	var starts [][]float32
	for _, seed := range []uint64{0, 0, 1} {
		d, err := ReadDiffusion(base, seed)
		if err != nil {
			t.Fatal(err)
		}
		a, err := peft.Prepare(d.Model.Denoiser, d.Model.Weights, peft.Options{Method: "lora"})
		if err != nil {
			t.Fatal(err)
		}
		starts = append(starts, d.Model.Weights.Data(a.Trainable[0].Name))
	}
	if !slices.Equal(starts[0], starts[1]) || slices.Equal(starts[0], starts[2]) {
		t.Error("the start does not follow the seed")
	}
}

func sameWeights(t *testing.T, a, b *Diffusion) {
	t.Helper()
	if diff := cmp.Diff(a.Model.Weights.Names(), b.Model.Weights.Names()); diff != "" {
		t.Fatal(diff)
	}
	for _, name := range a.Model.Weights.Names() {
		if !slices.Equal(a.Model.Weights.Data(name), b.Model.Weights.Data(name)) {
			t.Errorf("%s differs", name)
		}
	}
}

func TestFoldersOfAnotherKindAreRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "model")
	if err := diffusionModel(t).Write(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadClassifier(dir); !errors.Is(err, ErrOtherTask) {
		t.Errorf("a diffusion model as a classifier: %v", err)
	}
	if _, err := OpenBackbone(t.TempDir(), ""); err == nil || !strings.Contains(err.Error(), "model.json") {
		t.Errorf("an empty folder as a backbone: %v", err)
	}
	text, err := json.Marshal(map[string]any{"architecture": "x", "task": "poetry"})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, modelFile), text, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadModelInfo(dir); err == nil {
		t.Error("an unknown task was accepted")
	}
}
