package stages

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/pipe-ml/pipe/nn/token"
	"github.com/pipe-ml/pipe/stages/artifact"
	"github.com/pipe-ml/pipe/stages/artifact/artifacttest"
)

func TestStableDiffusionIsFineTunedAndSampledFromItsPublishedFolder(t *testing.T) {
	t.Parallel()
	for _, version := range []int{1, 2} {
		dir := t.TempDir()
		base, tuned, drawn := filepath.Join(dir, "base"), filepath.Join(dir, "tuned"), filepath.Join(dir, "samples")
		if err := artifacttest.StableDiffusion(base, version, []string{"a light image", "a dark image"}); err != nil {
			t.Fatal(err)
		}
		tokenizer, err := token.Load(filepath.Join(base, "tokenizer"))
		if err != nil {
			t.Fatal(err)
		}
		images, tokens := lightAndDarkAs(t, artifacttest.Channels, tokenizer, artifacttest.Captions)
		inputs := map[string]string{"model": base, "data": images, "tokens": tokens}
		m := mustRun(t, "finetune", `{"method":"lora","steps":3,"batch_size":4}`, inputs, map[string]string{"model": tuned})
		if m["step0_deviation"] != 0 || m["merge_deviation"] > 1e-5 || m["trainable_percent"] <= 0 {
			t.Errorf("version %d reports %v", version, m)
		}
		for _, model := range []string{base, tuned} {
			mustRun(t, "sample", `{"count":2,"steps":2}`, map[string]string{"model": model, "data": images}, map[string]string{"samples": drawn})
			if _, records, err := artifact.ReadSamples(drawn); err != nil || len(records) != 2 {
				t.Errorf("version %d: %d samples, %v", version, len(records), err)
			}
		}
		other, err := token.Train([]string{"other words"}, 560)
		if err != nil {
			t.Fatal(err)
		}
		_, inputs["tokens"] = lightAndDarkAs(t, artifacttest.Channels, other, artifacttest.Captions)
		if _, err := runStage(t, "finetune", `{"method":"lora"}`, inputs, map[string]string{"model": tuned}); err == nil || !strings.Contains(err.Error(), "tokenizer") {
			t.Errorf("captions by another vocabulary: %v", err)
		}
	}
}
