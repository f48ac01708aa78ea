package stages

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pipe-ml/pipe/nn/checkpoint"
	"github.com/pipe-ml/pipe/nn/model"
	"github.com/pipe-ml/pipe/stages/artifact"
)

// published writes a small transformer for colour images of 64 pixels as timm does.
func published(t *testing.T) string {
	t.Helper()
	c, err := artifact.NewClassifier("vit_micro_patch16_64", model.Options{Channels: 3}, []string{"a", "b", "c"}, 1)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	const config = `{"architecture":"vit_micro_patch16_64","num_classes":3,"global_pool":"token",
		"pretrained_cfg":{"input_size":[3,64,64],"mean":[0.485,0.456,0.406],"std":[0.229,0.224,0.225],"crop_pct":0.9,"interpolation":"bicubic"}}`
	err = errors.Join(
		checkpoint.Write(filepath.Join(dir, "model.safetensors"), checkpoint.FromWeights(c.Weights, c.Weights.Names()), nil),
		os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o600),
	)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestFineTuningOfPublishedWeightsTellsWhatItChanges(t *testing.T) {
	dir := t.TempDir()
	base, data, images := published(t), filepath.Join(dir, "data"), filepath.Join(dir, "images")
	run := func(name, config string, inputs map[string]Given, outputs map[string]string) (*recorder, error) {
		t.Helper()
		typ, _ := Lookup(name)
		s, err := Decode(typ, []byte(config), inputs, outputs)
		if err != nil {
			return nil, err
		}
		r := &recorder{}
		return r, s.Run(t.Context(), r)
	}
	if _, err := run("dataset", `{"source":"phantom://chestxray?count=24&size=64"}`, nil, map[string]string{"data": data}); err != nil {
		t.Fatal(err)
	}
	if _, err := run("preprocess", `{"size":32}`, map[string]Given{"data": {Path: data}}, map[string]string{"images": images}); err != nil {
		t.Fatal(err)
	}
	inputs := map[string]Given{"model": {Path: base}, "data": {Path: images}}
	out := map[string]string{"model": filepath.Join(dir, "tuned")}
	const config = `{"method":"norm","steps":1,"batch_size":2`
	if _, err := run("finetune", config+`}`, inputs, out); err == nil || !strings.Contains(err.Error(), "resize_positions = true") {
		t.Errorf("images of another size: %v", err)
	}
	r, err := run("finetune", config+`,"resize_positions":true}`, inputs, out)
	if err != nil {
		t.Fatal(err)
	}
	log := strings.Join(r.lines, "\n")
	for _, want := range []string{
		"vit_micro_patch16_64: trained on images of 64 pixels, cropped to 0.9 of them after bicubic resizing",
		"vit_micro_patch16_64: head.weight [3 96] is replaced by a new one for 6 classes, [6 96]",
		"vit_micro_patch16_64: pos_embed [1 17 96] -> [1 5 96]: resampled to the size of the images",
		"vit_micro_patch16_64 sees 3 channels: those of an image, 1, are repeated",
	} {
		if !strings.Contains(log, want) {
			t.Errorf("no %q in\n%s", want, log)
		}
	}
	if _, err := run("evaluate", `{"metrics":["accuracy"],"bootstrap":20,"batch_size":4}`,
		map[string]Given{"model": {Path: out["model"]}, "data": {Path: images}}, map[string]string{"metrics": filepath.Join(dir, "m.json")}); err != nil {
		t.Error(err)
	}
}
