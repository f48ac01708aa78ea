package diffusion

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"gorgonia.org/gorgonia"

	"github.com/pipe-ml/pipe/accel/cpu"
	"github.com/pipe-ml/pipe/accel/rng"
	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/optim"
	"github.com/pipe-ml/pipe/nn/peft"
	"github.com/pipe-ml/pipe/nn/train"
)

// tiny is a variant for tests only.
var tiny = Variant{Name: "tiny", Levels: 1, Widths: []int{16, 16}, Layers: 1, AttendFrom: 1, Heads: 2, Groups: 4, TextWidth: 16, TextLayers: 1, TextHeads: 2}

const tinySize = 8

// lightDark is a trainer on two kinds of images, light ones captioned 1 and dark ones captioned 2; 0 is the empty caption.
func lightDark(t *testing.T, steps int) *Trainer {
	t.Helper()
	r := rng.New(9, "light and dark")
	const n = 16
	var pixels []float32
	tr := &Trainer{
		BatchSize: 8, DropCaption: 0.1, Seed: 1,
		Config: train.Config{Optim: optim.Config{Rule: "adamw", Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, ClipNorm: 1}, Schedule: optim.Schedule{Kind: "cosine", Peak: 5e-3, Warmup: steps / 10, Total: steps}},
	}
	for i := range n {
		level := float32(0.6)
		if i%2 == 1 {
			level = -0.6
		}
		for range tinySize * tinySize {
			pixels = append(pixels, level+0.1*float32(r.Norm()))
		}
		tr.Tokens = append(tr.Tokens, []int32{3, int32(1 + i%2), 4})
		tr.Train = append(tr.Train, i)
	}
	codec, err := FitCodec(pixels, n, 1, tinySize, tiny.Levels)
	if err != nil {
		t.Fatal(err)
	}
	if tr.Model, err = tiny.New(tinySize, codec, 5, []int32{3, 0, 4}, 2); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		tr.Latents = append(tr.Latents, Posterior{Mean: codec.encode(pixels[i*tinySize*tinySize:(i+1)*tinySize*tinySize], tinySize)})
	}
	return tr
}

// draw samples one light and one dark image.
func draw(t *testing.T, m *Model, threads, batch int, o SolverOptions) [][]float32 {
	t.Helper()
	s, err := NewSampler(cpu.New(threads), m, batch, o, 2)
	if err != nil {
		t.Fatal(err)
	}
	last := 0.0
	images, err := s.Sample(context.Background(), [][]int32{{3, 1, 4}, {3, 2, 4}}, 7, 0, func(share float64) { last = share })
	if err != nil {
		t.Fatal(err)
	}
	if last != 1 {
		t.Errorf("the work ended at %v of it", last)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	return images
}

func mean(x []float32) float64 {
	sum := 0.0
	for _, v := range x {
		sum += float64(v)
	}
	return sum / float64(len(x))
}

func TestSamplesFollowTheCaption(t *testing.T) {
	tr := lightDark(t, 150)
	tr.Val = tr.Train
	tr.Config.EvalEvery = 50
	res, err := tr.Fit(context.Background(), cpu.New(0))
	if err != nil {
		t.Fatal(err)
	}
	if math.IsNaN(res.Best) || res.Best > 0.8 {
		t.Errorf("the validation loss is %v; predicting no noise gives 1", res.Best)
	}
	for _, name := range Schedulers() {
		images := draw(t, tr.Model, 0, 2, SolverOptions{Scheduler: name, Steps: 10})
		if light, dark := mean(images[0]), mean(images[1]); light < 0.2 || dark > -0.2 {
			t.Errorf("%s: the light image has mean %v, the dark one %v", name, light, dark)
		}
	}
}

func TestMinSNRChangesWhatIsLearned(t *testing.T) {
	fit := func(gamma float64) []float32 {
		tr := lightDark(t, 2)
		tr.SNRGamma = gamma
		if _, err := tr.Fit(context.Background(), cpu.New(0)); err != nil {
			t.Fatal(err)
		}
		return tr.Model.Weights.Data("conv_out.weight")
	}
	if slices.Equal(fit(0), fit(5)) {
		t.Error("the weighting has no effect")
	}
}

func TestDiffusionGivesTheSameBits(t *testing.T) {
	first := map[string][][]float32{}
	for _, c := range []struct{ threads, batch int }{{1, 2}, {2, 2}, {2, 1}} {
		tr := lightDark(t, 3)
		if _, err := tr.Fit(context.Background(), cpu.New(c.threads)); err != nil {
			t.Fatal(err)
		}
		for _, name := range Schedulers() {
			images := draw(t, tr.Model, c.threads, c.batch, SolverOptions{Scheduler: name, Steps: 5})
			if first[name] == nil {
				first[name] = images
			}
			for i := range images {
				if !slices.Equal(first[name][i], images[i]) {
					t.Errorf("%s: image %d is another one with %d threads in batches of %d", name, i, c.threads, c.batch)
				}
			}
		}
	}
}

func TestFineTuningChangesTheUNetOnly(t *testing.T) {
	for _, method := range []string{"bitfit", "full", "lora", "norm", "ssf"} {
		tr := lightDark(t, 2)
		m := tr.Model
		a, err := peft.Prepare(m.Denoiser, m.Weights, peft.Options{Method: method})
		if err != nil {
			t.Fatal(err)
		}
		m.Plan = a.Plan
		full := layer.NewBuilder(gorgonia.NewGraph(), m.Weights, nil)
		m.Network(full)
		before := m.Weights.Clone()
		predicted := func(w *layer.Weights, plan *layer.Plan) ([]float32, error) {
			return m.Predict(t.Context(), cpu.New(1), w, plan, tr.Tokens[:3])
		}
		if _, err := a.ProveStep0(m.Weights, predicted); err != nil {
			t.Error(err)
		}
		if _, err := tr.Fit(context.Background(), cpu.New(1)); err != nil {
			t.Fatal(err)
		}
		if _, err := a.ProveMerge(m.Weights, predicted); err != nil {
			t.Error(err)
		}
		frozen, errFrozen := predicted(before, nil)
		tuned, errTuned := predicted(m.Weights, a.Plan)
		if err := errors.Join(errFrozen, errTuned); err != nil || slices.Equal(frozen, tuned) {
			t.Errorf("%s: the prediction does not show the training: %v", method, err)
		}
		changed := 0
		for _, name := range m.Weights.Names() {
			if slices.Equal(before.Data(name), m.Weights.Data(name)) {
				continue
			}
			changed++
			if IsText(name) {
				t.Errorf("%s changed %s", method, name)
			}
		}
		if changed == 0 {
			t.Errorf("%s changed nothing", method)
		}
	}
}

func TestPartsThatDoNotFitAreRefused(t *testing.T) {
	for name, edit := range map[string]func(*Model){
		"codec":   func(m *Model) { m.Codec.(*HaarCodec).Levels = 2 },
		"text":    func(m *Model) { m.UNet.CrossAttention++ },
		"caption": func(m *Model) { m.Empty = make([]int32, 99) },
		"size":    func(m *Model) { m.Size = 16 },
	} {
		m := lightDark(t, 1).Model
		edit(m)
		if m.Validate() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := Lookup("unet_giant"); err == nil {
		t.Error("an unknown variant was found")
	}
}

func TestShippedVariantsAreSound(t *testing.T) {
	for _, name := range Variants() {
		v, err := Lookup(name)
		if err != nil {
			t.Fatal(err)
		}
		codec, err := FitCodec(make([]float32, 64*64), 1, 1, 64, v.Levels)
		if err != nil {
			t.Fatal(err)
		}
		m, err := v.New(64, codec, 100, []int32{1, 2}, 0)
		if err != nil {
			t.Fatal(err)
		}
		b := layer.NewBuilder(gorgonia.NewGraph(), m.Weights, nil)
		m.Network(b)
		if err := b.Finish(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEmbeddingsComputedBeforeGiveTheSameBits(t *testing.T) {
	fit := func(before bool) (*Model, error) {
		tr := lightDark(t, 3)
		m := tr.Model
		tr.Val, tr.DropCaption = tr.Train[:4], 0.5
		a, err := peft.Prepare(m.Denoiser, m.Weights, peft.Options{Method: "lora"})
		if err != nil {
			t.Fatal(err)
		}
		m.Plan = a.Plan
		if before {
			all, err := m.EncodeText(t.Context(), cpu.New(1), append([][]int32{m.Empty}, tr.Tokens...))
			if err != nil {
				t.Fatal(err)
			}
			tr.Empty, tr.Text, tr.Tokens = all[0], all[1:], nil
		}
		_, err = tr.Fit(t.Context(), cpu.New(0))
		return m, err
	}
	plain, errPlain := fit(false)
	before, errBefore := fit(true)
	if err := errors.Join(errPlain, errBefore); err != nil {
		t.Fatal(err)
	}
	for _, name := range plain.Weights.Names() {
		if !slices.Equal(plain.Weights.Data(name), before.Weights.Data(name)) {
			t.Errorf("%s is another one", name)
		}
	}
}

func TestATextEncoderThatTrainsTakesNoEmbeddings(t *testing.T) {
	tr := lightDark(t, 1)
	tr.Text = make([][]float32, len(tr.Tokens))
	if _, err := tr.Fit(t.Context(), cpu.New(0)); err == nil || !strings.Contains(err.Error(), "the text encoder train") {
		t.Errorf("got %v", err)
	}
}
