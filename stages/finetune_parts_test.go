package stages

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pipe-ml/pipe/nn/checkpoint"
	"github.com/pipe-ml/pipe/nn/token"
	"github.com/pipe-ml/pipe/stages/artifact/artifacttest"
)

// stableDiffusion is a small model, and images and tokens for it.
func stableDiffusion(t *testing.T) map[string]string {
	t.Helper()
	base := filepath.Join(t.TempDir(), "base")
	if err := artifacttest.StableDiffusion(base, 1, []string{"a light image", "a dark image"}); err != nil {
		t.Fatal(err)
	}
	tokenizer, err := token.Load(filepath.Join(base, "tokenizer"))
	if err != nil {
		t.Fatal(err)
	}
	images, tokens := lightAndDarkAs(t, artifacttest.Channels, tokenizer, artifacttest.Captions)
	return map[string]string{"model": base, "data": images, "tokens": tokens}
}

// TestEachPartSharesItsOwn: what layers share, they share within the U-Net and within the text encoder.
func TestEachPartSharesItsOwn(t *testing.T) {
	t.Parallel()
	inputs := stableDiffusion(t)
	for method, shared := range map[string]string{"vera": "base_model.vera_A", "compacter": "shared.phm_rule"} {
		tuned := filepath.Join(t.TempDir(), method)
		m := mustRun(t, "finetune", `{"method":"`+method+`","steps":1,"batch_size":2,"parts":["unet","text_encoder"]}`, inputs, map[string]string{"model": tuned})
		var found [][]byte
		numbers := 0.
		for _, file := range []string{"adapter_model.safetensors", "text_encoder/adapter_model.safetensors"} {
			tensors, _, err := checkpoint.Read(filepath.Join(tuned, file))
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, tensors[shared].Data)
			for name, x := range tensors {
				if v, err := x.Float32(); err == nil && !strings.HasPrefix(name, "base_model.vera_") {
					numbers += float64(len(v))
				}
			}
		}
		if len(found[0]) == 0 || len(found[1]) == 0 || bytes.Equal(found[0], found[1]) {
			t.Errorf("%s: %s has %d bytes in the U-Net's file, %d in the text encoder's, or they are the same", method, shared, len(found[0]), len(found[1]))
		}
		if m["trainable_parameters"] != numbers {
			t.Errorf("%s: %v are told to train, the files hold %v", method, m["trainable_parameters"], numbers)
		}
		if slices.Equal(predicted(t, tuned), predicted(t, inputs["model"])) {
			t.Errorf("%s: what was read again predicts as the base", method)
		}
	}
}

// TestAMethodThatAPartRefusesIsToldWithWhatWouldDo: for the option, the mask or the method that is to blame.
func TestAMethodThatAPartRefusesIsToldWithWhatWouldDo(t *testing.T) {
	t.Parallel()
	inputs := stableDiffusion(t)
	out := map[string]string{"model": filepath.Join(t.TempDir(), "out")}
	for _, c := range []struct{ config, begin, end string }{
		{`"method":"convpass"`, "method: text encoder of ", `; as it is it fits parts = ["unet"] alone`},
		{`"method":"fact_tt"`, "method: ", `; as it is it fits parts = ["text_encoder"] alone`},
		{`"method":"kadaptation","options":{"division":16}`, "options.division: ", `; as it is it fits parts = ["text_encoder"] alone`},
		{`"method":"lora","options":{"targets":["q_proj"]}`, "options.targets: ", `; as it is it fits parts = ["text_encoder"] alone`},
		{`"method":"lora","layers":["self_attn"]`, "layers[0]: ", `; as it is it fits parts = ["text_encoder"] alone`},
		{`"method":"batch_norm"`, "method: ", ""},
	} {
		_, err := runStage(t, "finetune", `{`+c.config+`,"parts":["unet","text_encoder"]}`, inputs, out)
		if err == nil || !strings.HasPrefix(err.Error(), c.begin) || !strings.HasSuffix(err.Error(), c.end) {
			t.Errorf("%s: %v", c.config, err)
			continue
		}
		if list := "; methods that fit both parts: adapter, "; strings.HasPrefix(c.begin, "method") {
			_, methods, found := strings.Cut(err.Error(), list)
			methods, _, _ = strings.Cut(methods, ";")
			fits := strings.Split(methods, ", ")
			if !found || !slices.Contains(fits, "lora") || slices.Contains(fits, "convpass") || slices.Contains(fits, "fact_tt") {
				t.Errorf("%s: %v", c.config, err)
			}
		}
	}
	_, err := runStage(t, "finetune", `{"method":"kadaptation","options":{"division":16},"parts":["unet"]}`, inputs, out)
	if err == nil || strings.Contains(err.Error(), "alone") || !strings.Contains(err.Error(), "which 16 does not divide: 8 divides all targets") {
		t.Error(err)
	}
}
