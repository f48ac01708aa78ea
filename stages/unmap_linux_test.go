package stages

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pipe-ml/pipe/nn/token"
	"github.com/pipe-ml/pipe/stages/artifact/artifacttest"
)

// A stage that unmaps weights which a program still reads faults here; one that never unmaps them leaves their file in the list of what is
// mapped, for as long as its worker lives.
func TestStagesUnmapWeightsOnceNothingReadsThem(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	run := func(stage, config string, inputs, outputs map[string]string) {
		t.Helper()
		mustRun(t, stage, config, inputs, outputs)
		maps, err := os.ReadFile("/proc/self/maps")
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(maps)) {
			if strings.Contains(line, dir) {
				t.Errorf("%s has left a mapping: %s", stage, line)
			}
		}
	}
	if err := artifacttest.StableDiffusion(at("base"), 1, []string{"a light image", "a dark image"}); err != nil {
		t.Fatal(err)
	}
	tokenizer, err := token.Load(filepath.Join(at("base"), "tokenizer"))
	if err != nil {
		t.Fatal(err)
	}
	images, tokens := lightAndDarkAs(t, artifacttest.Channels, tokenizer, artifacttest.Captions)
	pairs := map[string]string{"model": at("base"), "data": images, "tokens": tokens}
	run("encode", `{}`, pairs, map[string]string{"latents": at("latents")})
	run("finetune", `{"method":"lora","steps":2,"batch_size":4}`, pairs, map[string]string{"model": at("tuned")})
	run("finetune", `{"method":"lora","steps":2,"batch_size":4}`, map[string]string{"model": at("base"), "latents": at("latents")},
		map[string]string{"model": at("tuned-on-latents")})
	run("sample", `{"count":2,"steps":2}`, map[string]string{"model": at("tuned"), "data": images}, map[string]string{"samples": at("samples")})

	// A classifier, which evaluate judges and then judges samples by.
	run("pretrain", `{"model":"resnet10_64","steps":2}`, map[string]string{"data": images}, map[string]string{"model": at("resnet")})
	run("finetune", `{"method":"linear","steps":2}`, map[string]string{"model": at("resnet"), "data": images}, map[string]string{"model": at("tuned-resnet")})
	run("evaluate", `{"metrics":["accuracy"]}`, map[string]string{"model": at("tuned-resnet"), "data": images}, map[string]string{"metrics": at("m.json")})
	run("evaluate", `{"metrics":["fid"]}`, map[string]string{"samples": at("samples"), "extractor": at("resnet"), "data": images},
		map[string]string{"metrics": at("n.json")})
}
