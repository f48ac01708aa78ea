package stages

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/pipe-ml/pipe/nn/token"
	"github.com/pipe-ml/pipe/stages/artifact"
	"github.com/pipe-ml/pipe/stages/artifact/artifacttest"
)

func TestFineTuningOnLatentsGivesTheSameBits(t *testing.T) {
	images, tokens := lightAndDark(t)
	dir := t.TempDir()
	own := filepath.Join(dir, "own")
	mustRun(t, "pretrain", `{"model":"unet_micro","steps":2,"batch_size":4}`, map[string]string{"data": images, "tokens": tokens}, map[string]string{"model": own})
	const config = `{"method":"lora","steps":3,"eval_every":1,"batch_size":4,"fraction":0.5,"caption_dropout":0.4,"snr_gamma":5}`
	latents, fromPixels, fromLatents := filepath.Join(dir, "latents"), filepath.Join(dir, "pixels"), filepath.Join(dir, "from_latents")
	mustRun(t, "encode", `{}`, map[string]string{"model": own, "data": images, "tokens": tokens}, map[string]string{"latents": latents})
	mustRun(t, "finetune", config, map[string]string{"model": own, "data": images, "tokens": tokens}, map[string]string{"model": fromPixels})
	mustRun(t, "finetune", config, map[string]string{"model": own, "latents": latents}, map[string]string{"model": fromLatents})
	sameTree(t, fromPixels, fromLatents)

	l, err := artifact.ReadLatents(latents)
	if err != nil {
		t.Fatal(err)
	}
	if len(l.Embeddings) != 3 || l.Posteriors[0].Std != nil {
		t.Errorf("%d captions, want the empty one and two; deviations %v of exact latents", len(l.Embeddings), l.Posteriors[0].Std)
	}
	other := filepath.Join(dir, "other")
	mustRun(t, "pretrain", `{"model":"unet_micro","steps":1,"batch_size":4,"seed":1}`, map[string]string{"data": images, "tokens": tokens}, map[string]string{"model": other})
	for want, c := range map[string]struct {
		config string
		inputs map[string]string
	}{
		"made by another model":      {config, map[string]string{"model": other, "latents": latents}},
		"latents hold what they":     {config, map[string]string{"model": own, "latents": latents, "data": images}},
		"nothing to learn from":      {config, map[string]string{"model": own}},
		"not latents":                {config, map[string]string{"model": own, "latents": images}},
		"flip: is for a classifier,": {`{"method":"lora","flip":true}`, map[string]string{"model": own, "latents": latents}},
	} {
		_, err := runStage(t, "finetune", c.config, c.inputs, map[string]string{"model": filepath.Join(dir, "refused")})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %s", c.inputs, err, want)
		}
	}
}

func TestLatentsOfAnAutoencoderKeepTheirDeviation(t *testing.T) {
	dir := t.TempDir()
	published := filepath.Join(dir, "published")
	if err := artifacttest.StableDiffusion(published, 1, []string{"a light image", "a dark image"}); err != nil {
		t.Fatal(err)
	}
	tokenizer, err := token.Load(filepath.Join(published, "tokenizer"))
	if err != nil {
		t.Fatal(err)
	}
	images, tokens := lightAndDarkAs(t, artifacttest.Channels, tokenizer, artifacttest.Captions)
	latents, fromPixels, fromLatents := filepath.Join(dir, "latents"), filepath.Join(dir, "pixels"), filepath.Join(dir, "from_latents")
	mustRun(t, "encode", `{}`, map[string]string{"model": published, "data": images, "tokens": tokens}, map[string]string{"latents": latents})
	l, err := artifact.ReadLatents(latents)
	if err != nil || len(l.Posteriors[0].Std) != len(l.Posteriors[0].Mean) {
		t.Fatalf("%v; no deviations to sample from", err)
	}
	const config = `{"method":"lora","steps":2,"batch_size":4}`
	mustRun(t, "finetune", config, map[string]string{"model": published, "data": images, "tokens": tokens}, map[string]string{"model": fromPixels})
	mustRun(t, "finetune", config, map[string]string{"model": published, "latents": latents}, map[string]string{"model": fromLatents})
	sameTree(t, fromPixels, fromLatents)
}
