package stages

import (
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pipe-ml/pipe/accel/rng"
	"github.com/pipe-ml/pipe/stages/artifact"
)

// What nobody asked for is not in the key, so what was made before such an attribute came is still good.
func TestARecipeThatIsLeftOutIsNotInTheKey(t *testing.T) {
	for stage, want := range map[string][]string{
		"finetune": {"clip_norm", "device", "flip", "fraction", "method", "options", "patience", "precision", "schedule", "seed", "shift", "warmup", "weight_decay"},
		"pretrain": {"clip_norm", "device", "model", "patience", "precision", "schedule", "seed", "warmup", "weight_decay"},
	} {
		typ, _ := Lookup(stage)
		given := map[string]any{"augment": map[string]any{}, "ema_decay": 0.0, "nesterov": false}
		if stage == "finetune" {
			given["method"] = "lora"
		} else {
			given["model"] = "resnet10_64"
		}
		config, errs := SchemaOf(typ).Normalise(given)
		if len(errs) > 0 {
			t.Fatal(errs)
		}
		if got := slices.Sorted(maps.Keys(config)); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", stage, got, want)
		}
	}
}

func TestACaptionDropoutOfNoneIsInTheKey(t *testing.T) {
	typ, _ := Lookup("finetune")
	config, errs := SchemaOf(typ).Normalise(map[string]any{"method": "lora", "caption_dropout": 0})
	if len(errs) > 0 || config["caption_dropout"] != 0. {
		t.Errorf("%v, %v", config, errs)
	}
	for _, c := range []struct {
		given string
		want  float64
	}{{`{"method":"lora"}`, 0.1}, {`{"method":"lora","caption_dropout":0}`, 0}, {`{"method":"lora","caption_dropout":0.4}`, 0.4}} {
		in := map[string]Given{"model": {Path: "m"}, "data": {Path: "d"}, "tokens": {Path: "t"}}
		stage, err := Decode(typ, json.RawMessage(c.given), in, map[string]string{"model": "out"})
		if err != nil {
			t.Fatal(err)
		}
		if got := stage.(*finetune).dropped(); got != c.want {
			t.Errorf("%s: %v, want %v", c.given, got, c.want)
		}
	}
}

func TestAugmentInTheKeyHasItsDefaults(t *testing.T) {
	typ, _ := Lookup("pretrain")
	config, errs := SchemaOf(typ).Normalise(map[string]any{"model": "resnet10_64", "augment": map[string]any{"mixup": 0.2, "cutmix": nil}})
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	if got := fmt.Sprint(config["augment"]); got != "map[mixup:0.2]" {
		t.Error(got)
	}
	config, _ = SchemaOf(typ).Normalise(map[string]any{"model": "resnet10_64", "augment": map[string]any{"rand_augment": 2}})
	if got := fmt.Sprint(config["augment"]); got != "map[magnitude:9 rand_augment:2]" {
		t.Error(got)
	}
	if schema, err := augmentSchema(); err != nil || !strings.Contains(augmentDoc(), "magnitude = 9") {
		t.Errorf("%v, %v", schema, err)
	}
}

func TestRecipesThatDoNotGoTogetherAreRefused(t *testing.T) {
	for config, want := range map[string]string{
		`"betas":[0.9]`:                        "betas: adamw has two of them, not 1: give both",
		`"eps":0`:                              "eps: 0 is out of bounds",
		`"head_lr_scale":0`:                    "head_lr_scale: 0 is out of bounds",
		`"blocks":[]`:                          "blocks: is empty",
		`"layers":[]`:                          "layers: is empty",
		`"momentum":0.9`:                       "momentum: is sgd's, and the optimizer is adamw",
		`"optimizer":"sgd","eps":0.1`:          "eps: is adamw's, and the optimizer is sgd",
		`"optimizer":"sgd","nesterov":true`:    "nesterov: is a step along the momentum",
		`"lr":0.1,"min_lr":0.2`:                "min_lr: 0.2 is above the peak",
		`"schedule":"constant","min_lr":0.2`:   "min_lr: the constant schedule",
		`"ema_warmup":true`:                    "ema_warmup: there is no average",
		`"augment":{"mixup":-1}`:               "augment.mixup: -1 is out of bounds",
		`"augment":{"mixupp":1}`:               "augment.mixupp: augment has no such attribute",
		`"augment":{"scale":[1,0.5]}`:          "augment.scale: takes two bounds",
		`"augment":{"ratio":[1,2]}`:            "augment.ratio: is that of a random crop",
		`"augment":{"magnitude":9}`:            "augment.magnitude: is RandAugment's, which is not asked for: set rand_augment, or leave it out",
		`"loss":"hinge"`:                       "loss:",
		`"optimizer":"lion"`:                   "optimizer:",
		`"caption_dropout":0`:                  "caption_dropout: is for a diffusion model",
		`"snr_gamma":5`:                        "snr_gamma: is for a diffusion model",
		`"tokens":true,"label_smoothing":0.1`:  "label_smoothing: is for a classifier",
		`"tokens":true,"augment":{"mixup":1}`:  "augment: is for a classifier",
		`"tokens":true,"layer_decay":0.5`:      "layer_decay: is for a classifier",
		`"optimizer":"sgd","betas":[0.9,0.99]`: "betas: is adamw's",
	} {
		given := map[string]Given{"model": {Path: "m"}, "data": {Path: "d"}}
		if rest, ok := strings.CutPrefix(config, `"tokens":true,`); ok {
			config, given["tokens"] = rest, Given{Path: "t"}
		}
		typ, _ := Lookup("finetune")
		_, err := Decode(typ, json.RawMessage(`{"method":"lora",`+config+`}`), given, map[string]string{"model": "out"})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", config, err, want)
		}
	}
}

// sides writes a data set of images whose left and right half are bright or dark, with a label for each bright one; of some it
// is not known.
func sides(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	r := rng.New(1, "halves")
	var records []artifact.Record
	for i := range 48 {
		img := image.NewGray(image.Rect(0, 0, 16, 16))
		for p := range img.Pix {
			v := 40 + r.Intn(40)
			if side := p % 16 / 8; i>>side&1 == 1 {
				v += 120
			}
			img.SetGray(p%16, p/16, color.Gray{Y: uint8(v)})
		}
		rec := artifact.Record{ID: fmt.Sprintf("%02d", i), Labels: []string{}}
		for side, name := range []string{"left", "right"} {
			if i>>side&1 == 1 {
				rec.Labels = append(rec.Labels, name)
			}
		}
		if i%12 == 0 {
			rec.Labels = nil
		}
		var err error
		if rec.File, err = artifact.WriteImage(dir, rec.ID, img); err != nil {
			t.Fatal(err)
		}
		records = append(records, rec)
	}
	if err := artifact.WriteDataset(dir, artifact.DatasetInfo{Name: "halves"}, records); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestAClassifierLearnsSeveralLabelsAnImage(t *testing.T) {
	data, dir := sides(t), t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	mustRun(t, "preprocess", `{"size":16,"multi_label":true}`, map[string]string{"data": data}, map[string]string{"images": at("images")})
	m, err := artifact.ReadImages(at("images"))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(m.Info.Classes, []string{"left", "right"}) || !m.Info.MultiLabel {
		t.Errorf("%+v", m.Info)
	}
	for i, want := range map[int][]int{1: {0}, 2: {1}, 3: {0, 1}, 4: {}, 0: nil} {
		if got := m.Records[i].Labels; !slices.Equal(got, want) || (got == nil) != (want == nil) {
			t.Errorf("image %d has labels %v, want %v", i, got, want)
		}
	}
	// Without the images that may show anything.
	mustRun(t, "preprocess", `{"size":16,"multi_label":true,"require":["label"]}`, map[string]string{"data": data}, map[string]string{"images": at("known")})
	if known, err := artifact.ReadImages(at("known")); err != nil || known.Info.Count != 44 {
		t.Errorf("%v, %v", known, err)
	}

	images := map[string]string{"data": at("images")}
	mustRun(t, "pretrain", `{"model":"resnet10_64","steps":12,"batch_size":16,"class_weights":"balanced","label_smoothing":0.05}`, images, map[string]string{"model": at("net")})
	tuning := map[string]string{"data": at("images"), "model": at("net")}
	mustRun(t, "finetune", `{"method":"full","steps":12,"batch_size":16,"layer_decay":0.9,"grad_checkpointing":true}`, tuning, map[string]string{"model": at("tuned")})
	scores := mustRun(t, "evaluate", `{"metrics":["auroc","accuracy","f1","ece"],"split":"train","bootstrap":20}`,
		map[string]string{"data": at("images"), "model": at("tuned")}, map[string]string{"metrics": at("m.json")})
	if scores["auroc"] < 0.95 || scores["accuracy"] < 0.8 || scores["f1"] < 0.7 {
		t.Errorf("%v", scores)
	}
	// What does not go together with several labels says so.
	_, err = runStage(t, "finetune", `{"method":"full","steps":1,"loss":"cross_entropy"}`, tuning, map[string]string{"model": at("no")})
	if err == nil || !strings.Contains(err.Error(), `loss = "bce"`) {
		t.Error(err)
	}
}
