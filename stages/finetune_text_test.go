package stages

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pipe-ml/pipe/accel/cpu"
	"github.com/pipe-ml/pipe/nn/checkpoint"
	"github.com/pipe-ml/pipe/nn/diffusion"
	"github.com/pipe-ml/pipe/nn/token"
	"github.com/pipe-ml/pipe/stages/artifact"
	"github.com/pipe-ml/pipe/stages/artifact/artifacttest"
)

// predicted is what a model's folder predicts for a caption.
func predicted(t *testing.T, dir string) []float32 {
	t.Helper()
	d, err := artifact.ReadDiffusion(dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	dev := cpu.New(1)
	out, err := d.Model.Predict(t.Context(), dev, d.Model.Weights, d.Model.Plan, [][]int32{d.Model.Empty})
	if err := errors.Join(err, dev.Close(), d.Close()); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestTheTextEncoderIsFineTunedWithTheUNetOrByItself(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	base := filepath.Join(dir, "base")
	if err := artifacttest.StableDiffusion(base, 1, []string{"a light image", "a dark image"}); err != nil {
		t.Fatal(err)
	}
	tokenizer, err := token.Load(filepath.Join(base, "tokenizer"))
	if err != nil {
		t.Fatal(err)
	}
	images, tokens := lightAndDarkAs(t, artifacttest.Channels, tokenizer, artifacttest.Captions)
	inputs := map[string]string{"model": base, "data": images, "tokens": tokens}
	for name, parts := range map[string]string{"both": `["text_encoder","unet"]`, "text": `["text_encoder"]`} {
		tuned, merged, again := filepath.Join(dir, name), filepath.Join(dir, name+"-merged"), filepath.Join(dir, name+"-again")
		m := mustRun(t, "finetune", `{"method":"lora","steps":3,"batch_size":4,"lr":0.05,"parts":`+parts+`}`, inputs, map[string]string{"model": tuned})
		if m["step0_deviation"] != 0 || m["merge_deviation"] > 1e-5 || m["trainable_parameters"] <= 0 {
			t.Errorf("%s reports %v", name, m)
		}
		tensors, _, err := checkpoint.Read(filepath.Join(tuned, "text_encoder", "adapter_model.safetensors"))
		if err != nil {
			t.Fatal(err)
		}
		const q = "base_model.model.encoder.layers.1.self_attn.q_proj.lora_B.weight"
		if b, err := tensors[q].Float32(); err != nil || !slices.ContainsFunc(b, func(v float32) bool { return v != 0 }) {
			t.Errorf("%s: %s is missing or has not trained: %v", name, q, err)
		}
		_, err = os.Stat(filepath.Join(tuned, "adapter_model.safetensors"))
		if (name == "both") != (err == nil) {
			t.Errorf("%s: the U-Net's adapter: %v", name, err)
		}
		config, err := os.ReadFile(filepath.Join(tuned, "text_encoder", "adapter_config.json"))
		if err != nil || !strings.Contains(string(config), `"encoder.layers.0.self_attn.q_proj"`) {
			t.Errorf("%s: %s %v", name, config, err)
		}

		mustRun(t, "merge", `{}`, map[string]string{"model": tuned}, map[string]string{"model": merged})
		x, y, plain := predicted(t, tuned), predicted(t, merged), predicted(t, base)
		if slices.Equal(x, plain) || !alike(x, y) {
			t.Errorf("%s: predictions of base %v, tuned %v, merged %v", name, plain[:4], x[:4], y[:4])
		}
		unet := func(dir string) string {
			text, err := os.ReadFile(filepath.Join(dir, "unet", "diffusion_pytorch_model.safetensors"))
			if err != nil {
				t.Fatal(err)
			}
			return string(text)
		}
		if (name == "text") != (unet(base) == unet(merged)) {
			t.Errorf("%s: the merged U-Net is not what it should be", name)
		}

		// The encoder that draws is the one that was fine-tuned.
		sampled := func(model string) string {
			out := filepath.Join(t.TempDir(), "samples")
			mustRun(t, "sample", `{"count":1,"steps":3,"prompts":["a light image"]}`, map[string]string{"model": model}, map[string]string{"samples": out})
			return treeDigest(t, out)
		}
		if sampled(tuned) == sampled(base) {
			t.Errorf("%s: samples as before", name)
		}

		inputs := map[string]string{"model": tuned, "data": images, "tokens": tokens}
		if _, err := runStage(t, "finetune", `{"method":"norm","steps":1,"batch_size":2}`, inputs, map[string]string{"model": again}); err == nil || !strings.Contains(err.Error(), `stage "merge"`) {
			t.Errorf("%s: fine-tuned again: %v", name, err)
		}
		inputs["model"] = merged
		mustRun(t, "finetune", `{"method":"norm","steps":1,"batch_size":2}`, inputs, map[string]string{"model": again})
	}
}

// The text encoder's adapter alone, in its own folder, goes onto the base again.
func TestAnAdapterOfTheTextEncoderIsMergedByItself(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	base, tuned, merged := filepath.Join(dir, "base"), filepath.Join(dir, "tuned"), filepath.Join(dir, "merged")
	if err := artifacttest.StableDiffusion(base, 2, []string{"a light image", "a dark image"}); err != nil {
		t.Fatal(err)
	}
	tokenizer, err := token.Load(filepath.Join(base, "tokenizer"))
	if err != nil {
		t.Fatal(err)
	}
	images, tokens := lightAndDarkAs(t, artifacttest.Channels, tokenizer, artifacttest.Captions)
	inputs := map[string]string{"model": base, "data": images, "tokens": tokens}
	mustRun(t, "finetune", `{"method":"dora","steps":2,"batch_size":4,"lr":0.05,"parts":["text_encoder"]}`, inputs, map[string]string{"model": tuned})
	mustRun(t, "merge", `{}`, map[string]string{"model": base, "adapter": filepath.Join(tuned, "text_encoder")}, map[string]string{"model": merged})
	if x, y := predicted(t, tuned), predicted(t, merged); !alike(x, y) || slices.Equal(x, predicted(t, base)) {
		t.Error("the merged model predicts otherwise")
	}
	d, err := artifact.ReadDiffusion(merged, 0)
	if err != nil || d.FineTuned() {
		t.Fatalf("the merged model is not whole: %v", err)
	}
	changed := 0
	old, err := artifact.ReadDiffusion(base, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range d.Model.Weights.Names() {
		if !slices.Equal(d.Model.Weights.Read(name), old.Model.Weights.Read(name)) {
			changed++
			if !diffusion.IsText(name) {
				t.Errorf("%s changed", name)
			}
		}
	}
	if changed == 0 {
		t.Error("nothing changed")
	}
}

// alike tells whether x and y are the same but for float32's rounding.
func alike(x, y []float32) bool {
	for i := range x {
		if d := x[i] - y[i]; !(d < 1e-4 && d > -1e-4) {
			return false
		}
	}
	return len(x) == len(y)
}
