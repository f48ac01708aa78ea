package stages

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pipe-ml/pipe/accel/rng"
	"github.com/pipe-ml/pipe/nn/diffusion"
	"github.com/pipe-ml/pipe/nn/model"
	"github.com/pipe-ml/pipe/nn/peft"
	"github.com/pipe-ml/pipe/nn/token"
	"github.com/pipe-ml/pipe/stages/artifact"
)

// metrics is a reporter that keeps the figures.
type metrics map[string]float64

func (m metrics) Progress(int, int, map[string]float64) {}
func (m metrics) Log(string, ...any)                    {}
func (m metrics) Metric(name string, v float64)         { m[name] = v }
func (m metrics) Device(string, string)                 {}

// runStage decodes and runs a stage as the worker does.
func runStage(t *testing.T, name, config string, inputs, outputs map[string]string) (metrics, error) {
	t.Helper()
	typ, ok := Lookup(name)
	if !ok {
		t.Fatalf("no stage type %s", name)
	}
	given := map[string]Given{}
	for k, path := range inputs {
		given[k] = Given{Path: path}
	}
	s, err := Decode(typ, json.RawMessage(config), given, outputs)
	if err != nil {
		return nil, err
	}
	m := metrics{}
	return m, s.Run(context.Background(), m)
}

func mustRun(t *testing.T, name, config string, inputs, outputs map[string]string) metrics {
	t.Helper()
	m, err := runStage(t, name, config, inputs, outputs)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return m
}

// lightAndDark writes images of two classes with captions, and their tokens: what preprocess and tokenize make.
func lightAndDark(t *testing.T) (images, tokens string) {
	t.Helper()
	tokenizer, err := token.Train([]string{"a light image", "a dark image"}, 530)
	if err != nil {
		t.Fatal(err)
	}
	return lightAndDarkAs(t, 1, tokenizer, 6)
}

// lightAndDarkAs writes them with that many channels and their captions by a tokenizer, of length tokens.
func lightAndDarkAs(t *testing.T, channels int, tokenizer *token.Tokenizer, length int) (images, tokens string) {
	t.Helper()
	const n, size = 24, 16
	r := rng.New(1, "light and dark")
	m := &artifact.Images{Info: artifact.ImagesInfo{
		Size: size, Channels: channels, Classes: []string{"dark", "light"}, Count: n,
		Mean: slices.Repeat([]float64{0.5}, channels), Std: slices.Repeat([]float64{0.2}, channels),
	}}
	toks := &artifact.Tokens{MaxLength: length}
	for i := range n {
		class, split := i%2, artifact.Train
		switch i / 2 % 6 {
		case 4:
			split = artifact.Val
		case 5:
			split = artifact.Test
		}
		rec := artifact.ImageRecord{ID: fmt.Sprintf("image%02d", i), Label: class, Split: split}
		rec.Caption = "a " + m.Info.Classes[class] + " image"
		if split == artifact.Train {
			m.Order = append(m.Order, i)
		}
		for range channels * size * size {
			m.Pixels = append(m.Pixels, byte(60+120*class+r.Intn(20)))
		}
		m.Records = append(m.Records, rec)
		toks.Records = append(toks.Records, artifact.TokenRecord{ID: rec.ID, Caption: rec.Caption})
		toks.IDs = append(toks.IDs, tokenizer.Row(rec.Caption, toks.MaxLength)...)
	}
	images, tokens = filepath.Join(t.TempDir(), "images"), filepath.Join(t.TempDir(), "tokens")
	if err := errors.Join(m.Write(images), toks.Write(tokens), tokenizer.Save(tokens)); err != nil {
		t.Fatal(err)
	}
	return images, tokens
}

// sameTree holds that two folders have the same files.
func sameTree(t *testing.T, a, b string) {
	t.Helper()
	read := func(dir string) map[string][]byte {
		files := map[string][]byte{}
		err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			rel, err := filepath.Rel(dir, path)
			if err != nil {
				return err
			}
			files[rel], err = os.ReadFile(path)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return files
	}
	x, y := read(a), read(b)
	if !maps.EqualFunc(x, y, bytes.Equal) {
		t.Errorf("%s and %s differ", a, b)
	}
}

func TestAClassifierIsPretrainedAndFineTuned(t *testing.T) {
	t.Parallel()
	images, _ := lightAndDark(t)
	dir := t.TempDir()
	heads := map[string]float64{"vit_micro_patch8_64": 2*96 + 2, "resnet10_64": 2*128 + 2}
	for name := range heads {
		m := mustRun(t, "pretrain", fmt.Sprintf(`{"model":%q,"steps":4,"batch_size":4}`, name),
			map[string]string{"data": images}, map[string]string{"model": filepath.Join(dir, name)})
		if m["steps"] != 4 || m["val_loss"] == 0 {
			t.Errorf("pretrain of %s reports %v", name, m)
		}
	}
	for _, method := range peft.Names() {
		network := map[model.Kind]string{model.Transformer: "vit_micro_patch8_64", model.CNN: "resnet10_64"}[kindFor(t, method)]
		if network == "" {
			continue // for diffusion models, which have a test of their own
		}
		base := filepath.Join(dir, network)
		config := fmt.Sprintf(`{"method":%q,"steps":4,"batch_size":4,"fraction":0.5}`, method)
		tuned, again := filepath.Join(dir, method), filepath.Join(dir, method+"-again")
		m := mustRun(t, "finetune", config, map[string]string{"model": base, "data": images}, map[string]string{"model": tuned})
		if m["head_parameters"] != heads[network] || m["trainable_parameters_with_head"] != m["trainable_parameters"]+m["head_parameters"] ||
			math.Abs(m["trainable_percent"]-100*m["trainable_parameters"]/m["body_parameters"]) > 1e-9 || m["trainable_percent_with_head"] <= 0 {
			t.Errorf("%s reports %v", method, m)
		}
		card, err := peft.Lookup(method)
		if err != nil {
			t.Fatal(err)
		}
		if d, merges := m["merge_deviation"]; merges != (card.Merge == peft.Exact) || d > 1e-5 {
			t.Errorf("%s reports %v", method, m)
		}
		sameTree(t, filepath.Join(tuned, "base"), base)
		mustRun(t, "finetune", config, map[string]string{"model": base, "data": images}, map[string]string{"model": again})
		sameTree(t, tuned, again)
		c, err := artifact.ReadClassifier(tuned)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(c.Info.Classes, []string{"dark", "light"}) {
			t.Errorf("classes %v", c.Info.Classes)
		}
	}
}

// kindFor is the kind of a small network that a method fits.
func kindFor(t *testing.T, method string) model.Kind {
	t.Helper()
	m, err := peft.Lookup(method)
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case m.Rates[model.Transformer] > 0 && method != "batch_norm": // of the transformers, only those with a convolutional stem have batch norms
		return model.Transformer
	case m.Rates[model.CNN] > 0:
		return model.CNN
	}
	return model.Diffusion
}

func TestADiffusionModelIsPretrainedFineTunedAndSampled(t *testing.T) {
	t.Parallel()
	images, tokens := lightAndDark(t)
	dir := t.TempDir()
	base, tuned := filepath.Join(dir, "base"), filepath.Join(dir, "lora")
	pairs := map[string]string{"data": images, "tokens": tokens}
	mustRun(t, "pretrain", `{"model":"unet_micro","steps":3,"batch_size":4}`, pairs, map[string]string{"model": base})
	pairs["model"] = base
	for _, method := range peft.Names() {
		card, err := peft.Lookup(method)
		if err != nil {
			t.Fatal(err)
		}
		if card.Rates[model.Diffusion] == 0 {
			continue
		}
		out := filepath.Join(dir, method)
		m := mustRun(t, "finetune", `{"method":"`+method+`","steps":3,"batch_size":4}`, pairs, map[string]string{"model": out})
		if m["trainable_percent"] <= 0 || m["trainable_percent"] > 100 || m["head_parameters"] != 0 {
			t.Errorf("%s reports %v", method, m)
		}
		step0, proven := m["step0_deviation"]
		if d, merged := m["merge_deviation"]; !proven || card.Step0 == peft.Equal && step0 != 0 || merged != (card.Merge == peft.Exact) || d > 1e-5 {
			t.Errorf("%s reports %v", method, m)
		}
		t.Logf("%s: merged, it deviates by %.3g", method, m["merge_deviation"])
	}
	const refusal = "method: unet_micro: vpt: would train nothing on this network; methods that fit it: adapter, "
	if _, err := runStage(t, "finetune", `{"method":"vpt"}`, pairs, map[string]string{"model": filepath.Join(dir, "vpt")}); err == nil || !strings.HasPrefix(err.Error(), refusal) {
		t.Errorf("prompts in a U-Net: %v, want %s", err, refusal)
	}
	sameTree(t, filepath.Join(tuned, "base"), base)
	var first string
	for i, source := range []string{base, tuned, tuned} {
		out := filepath.Join(dir, fmt.Sprintf("samples%d", i))
		mustRun(t, "sample", `{"count":4,"steps":3}`, map[string]string{"model": source, "data": images}, map[string]string{"samples": out})
		_, records, err := artifact.ReadSamples(out)
		if err != nil {
			t.Fatal(err)
		}
		if len(records) != 4 || records[0].Label != "dark" || records[0].Prompt != "a dark image" {
			t.Errorf("records %+v", records)
		}
		if _, err := os.Stat(filepath.Join(out, artifact.SheetName)); err != nil {
			t.Error(err)
		}
		if i == 2 {
			sameTree(t, first, out)
		}
		first = out
	}
	if _, err := runStage(t, "sample", `{"count":2,"steps":1}`, map[string]string{"model": base}, map[string]string{"samples": dir + "/x"}); err == nil {
		t.Error("a model was sampled without prompts")
	}
	mustRun(t, "sample", `{"count":2,"steps":1,"guidance":1,"prompts":["a light image"]}`, map[string]string{"model": base}, map[string]string{"samples": dir + "/y"})
}

func TestTrainingStagesRefuseWhatCannotWork(t *testing.T) {
	t.Parallel()
	images, tokens := lightAndDark(t)
	base := filepath.Join(t.TempDir(), "base")
	mustRun(t, "pretrain", `{"model":"resnet10_64","steps":1,"batch_size":4}`, map[string]string{"data": images}, map[string]string{"model": base})
	out := map[string]string{"model": filepath.Join(t.TempDir(), "out")}
	for _, c := range []struct {
		what, stage, config string
		inputs              map[string]string
		want                string
	}{
		{"prompts in a CNN", "finetune", `{"method":"vpt"}`, map[string]string{"model": base, "data": images}, "resnet10_64: vpt: would train nothing on this network; methods that fit it: batch_norm, bitfit, "},
		{"an unknown method", "finetune", `{"method":"lorra"}`, map[string]string{"model": base, "data": images}, "lora"},
		{"an unknown option", "finetune", `{"method":"lora","options":{"rnak":4}}`, map[string]string{"model": base, "data": images}, "rank"},
		{"an unknown network", "pretrain", `{"model":"vit_giant"}`, map[string]string{"data": images}, `there is no network "vit_giant": see pipe docs models`},
		{"fractals without captions", "pretrain", `{"model":"unet_micro","data":"phantom://fractals"}`, nil, "captions"},
		{"diffusion without tokens", "pretrain", `{"model":"unet_micro"}`, map[string]string{"data": images}, "tokens"},
		{"captions for a CNN", "finetune", `{"method":"full"}`, map[string]string{"model": base, "data": images, "tokens": tokens}, "tokens: the model is a classifier, which reads no captions: leave them out"},
		{"a classifier that draws", "sample", `{"prompts":["a"]}`, map[string]string{"model": base}, "classifier"},
		{"tokens as images", "finetune", `{"method":"full"}`, map[string]string{"model": base, "data": tokens}, "images"},
	} {
		outputs := out
		if c.stage == "sample" {
			outputs = map[string]string{"samples": out["model"]}
		}
		_, err := runStage(t, c.stage, c.config, c.inputs, outputs)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.what, err)
		}
	}
}

// networks are what can be fine-tuned, by kind and name: of each family the smallest, and the transformer with batch norms.
func networks(t *testing.T) map[model.Kind]map[string]peft.Model {
	t.Helper()
	chosen := map[string]model.Variant{"a stem of convolutions": variant(t, "vit_micro_convstem_64")}
	for _, name := range model.Names() {
		v := variant(t, name)
		m, err := v.New(model.Options{Classes: 2})
		if err != nil {
			t.Fatal(err)
		}
		family := fmt.Sprintf("%T", m)
		if smallest, ok := chosen[family]; !ok || v.Params < smallest.Params {
			chosen[family] = v
		}
	}
	out := map[model.Kind]map[string]peft.Model{model.CNN: {}, model.Transformer: {}, model.Diffusion: {}}
	for _, v := range chosen {
		c, err := artifact.NewClassifier(v.Name, model.Options{}, []string{"a", "b"}, 0)
		if err != nil {
			t.Fatal(err)
		}
		out[v.Kind][v.Name] = c.Network
	}
	for _, name := range diffusion.Variants() {
		v, err := diffusion.Lookup(name)
		if err != nil {
			t.Fatal(err)
		}
		codec, err := diffusion.FitCodec(make([]float32, 64*64), 1, 1, 64, v.Levels)
		if err != nil {
			t.Fatal(err)
		}
		m, err := v.New(64, codec, 530, []int32{0, 1}, 0)
		if err != nil {
			t.Fatal(err)
		}
		out[model.Diffusion][name] = m.Denoiser
	}
	return out
}

func variant(t *testing.T, name string) model.Variant {
	t.Helper()
	v, err := model.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestEveryMethodHasADefaultRateForEveryNetworkThatItFits(t *testing.T) {
	t.Parallel()
	for kind, all := range networks(t) {
		fits := map[string]bool{}
		for name, network := range all {
			rows, err := peft.Support(network, peft.Names())
			if err != nil {
				t.Fatal(name, err)
			}
			for _, row := range rows {
				fits[row.Method] = fits[row.Method] || row.Refused == ""
			}
		}
		for _, name := range peft.Names() {
			m, err := peft.Lookup(name)
			if err != nil {
				t.Fatal(err)
			}
			switch rate := m.Rates[kind]; {
			case fits[name] && rate == 0:
				t.Errorf("%s fits networks of kind %s and has no rate for them", name, kind)
			case !fits[name] && rate != 0:
				t.Errorf("%s is refused by every network of kind %s: its rate for them is never read", name, kind)
			}
		}
	}
}

// A head of fine-tuning that began where the pretrained network's head began would know what that has learned.
func TestAFreshHeadIsNotThePretrainedNetworksFirstOne(t *testing.T) {
	classes := []string{"a", "b"}
	first, err := artifact.NewClassifier("resnet10_64", model.Options{}, classes, 0)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := first.Write(dir); err != nil {
		t.Fatal(err)
	}
	backbone, err := artifact.OpenBackbone(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	tuned, err := backbone.Classifier(classes, 64, 0)
	if err != nil {
		t.Fatal(err)
	}
	if slices.Equal(first.Weights.Data("fc.weight"), tuned.Weights.Data("fc.weight")) {
		t.Error("the same seed gives the same head")
	}
	if !slices.Equal(first.Weights.Data("conv1.weight"), tuned.Weights.Data("conv1.weight")) {
		t.Error("the body is not the pretrained one")
	}
}
