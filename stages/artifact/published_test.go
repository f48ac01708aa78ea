package artifact

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pipe-ml/pipe/nn/checkpoint"
	"github.com/pipe-ml/pipe/nn/model"
	"github.com/pipe-ml/pipe/nn/peft"
)

// timm is config.json as timm.save_for_hf writes it.
func timm(architecture, pool string) map[string]any {
	return map[string]any{
		"architecture": architecture, "num_classes": 10, "num_features": 96, "global_pool": pool,
		"model_args": map[string]any{"num_classes": 10, "in_chans": 3, "global_pool": pool, "img_size": []int{64, 64}},
		"pretrained_cfg": map[string]any{
			"tag": "augreg_in21k_ft_in1k", "custom_load": false, "input_size": []int{3, 64, 64}, "fixed_input_size": true,
			"interpolation": "bicubic", "crop_pct": 0.9, "crop_mode": "center", "num_classes": 10, "pool_size": nil,
			"mean": []float64{0.485, 0.456, 0.406}, "std": []float64{0.25, 0.25, 0.5}, "first_conv": "patch_embed.proj", "classifier": "head",
		},
	}
}

// publish writes a classifier's weights as somebody else would: in two shards under an index, norms with PyTorch's counters.
// config is config.json, nil for none.
func publish(t *testing.T, c *Classifier, config map[string]any) string {
	t.Helper()
	dir := t.TempDir()
	tensors := checkpoint.FromWeights(c.Weights, c.Weights.Names())
	for _, name := range c.Weights.Names() {
		if path, ok := strings.CutSuffix(name, ".running_mean"); ok {
			tensors[path+".num_batches_tracked"] = checkpoint.Tensor{DType: checkpoint.I64, Shape: []int{}, Data: make([]byte, 8)}
		}
	}
	where, parts := map[string]string{}, map[string]map[string]checkpoint.Tensor{"model-1-of-2.safetensors": {}, "model-2-of-2.safetensors": {}}
	for name, x := range tensors {
		where[name] = "model-1-of-2.safetensors"
		if strings.HasSuffix(name, "bias") {
			where[name] = "model-2-of-2.safetensors"
		}
		parts[where[name]][name] = x
	}
	for name, part := range parts {
		if err := checkpoint.Write(filepath.Join(dir, name), part, nil); err != nil {
			t.Fatal(err)
		}
	}
	for name, content := range map[string]any{"model.safetensors.index.json": map[string]any{"weight_map": where}, modelFile: config} {
		if name == modelFile && config == nil {
			continue
		}
		text, err := json.Marshal(content)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// pretrained is a network for ten classes.
func pretrained(t *testing.T, name string, channels int) *Classifier {
	t.Helper()
	c, err := NewClassifier(name, model.Options{Channels: channels}, strings.Split("abcdefghij", ""), 3)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestPublishedWeightsOpenAndComeBackFineTuned(t *testing.T) {
	for _, c := range []struct {
		name, as string
		config   map[string]any
		size     int
		resize   bool
		changes  []string
	}{
		{name: "vit_micro_patch16_64", config: timm("vit_micro_patch16_64", "token"), size: 64, changes: []string{
			"trained on images of 64 pixels, cropped to 0.9 of them after bicubic resizing",
			"head.bias [10] is replaced by a new one for 2 classes, [2]", "head.weight [10 96] is replaced by a new one for 2 classes, [2 96]",
		}},
		{name: "vit_micro_patch16_64", config: timm("vit_micro_patch16_64", "token"), size: 96, resize: true, changes: []string{
			"trained on images of 64 pixels, cropped to 0.9 of them after bicubic resizing",
			"head.bias [10] is replaced by a new one for 2 classes, [2]", "head.weight [10 96] is replaced by a new one for 2 classes, [2 96]",
			"pos_embed [1 17 96] -> [1 37 96]: resampled to the size of the images",
		}},
		{name: "resnet10_64", as: "resnet10_64", size: 48, changes: []string{
			"fc.bias [10] is replaced by a new one for 2 classes, [2]", "fc.weight [10 128] is replaced by a new one for 2 classes, [2 128]",
		}},
	} {
		channels := 3
		if c.config == nil { // then a network expects what its row says
			channels = 1
		}
		net := pretrained(t, c.name, channels)
		b, err := OpenBackbone(publish(t, net, c.config), c.as)
		if err != nil {
			t.Fatal(err)
		}
		b.ResizePositions = c.resize
		got, err := b.Classifier(twoClasses, c.size, 9)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(c.changes, got.Changes); d != "" {
			t.Errorf("%s: %s", c.name, d)
		}
		in := got.Model.Input()
		if c.config != nil && (in.Channels != 3 || in.Mean[1] != 0.456 || in.Std[2] != 0.5) {
			t.Errorf("%s: the recorded preprocessing became %+v", c.name, in)
		}
		for _, name := range net.Weights.Names() {
			if strings.HasPrefix(name, "head") || strings.HasPrefix(name, "fc") || name == "pos_embed" && c.resize {
				continue
			}
			if !slices.Equal(net.Weights.Data(name), got.Weights.Data(name)) {
				t.Errorf("%s: %s differs", c.name, name)
			}
		}
		if got.Adapter, err = peft.Prepare(got.Network, got.Weights, peft.Options{Method: "norm"}); err != nil {
			t.Fatal(err)
		}
		perturb(got.Adapter, got.Weights.Data)
		tuned := filepath.Join(t.TempDir(), "tuned")
		if err := b.WriteFineTuned(tuned, got); err != nil {
			t.Fatal(err)
		}
		back, err := ReadClassifier(tuned)
		if err != nil {
			t.Fatal(err)
		}
		if x, y := logits(t, got), logits(t, back); !slices.Equal(x, y) {
			t.Errorf("%s: logits %v became %v", c.name, x, y)
		}
		if err := back.Close(); err != nil {
			t.Error(err)
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestASingleFileIsOpenedByTheNameOfItsNetwork(t *testing.T) {
	net := classifier(t, "resnet10_64")
	file := filepath.Join(t.TempDir(), "resnet10-0a1b2c3d.safetensors")
	if err := checkpoint.Write(file, checkpoint.FromWeights(net.Weights, net.Weights.Names()), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenBackbone(file, ""); err == nil || !strings.Contains(err.Error(), "write architecture = NAME (see pipe docs models)") {
		t.Errorf("without a name: %v", err)
	}
	b, err := OpenBackbone(file, "resnet10_64")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Classifier(twoClasses, 64, 1); err != nil {
		t.Error(err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}

func TestAFileBesideItsConfigAsksForTheFolder(t *testing.T) {
	dir := publish(t, pretrained(t, "vit_micro_patch16_64", 3), timm("vit_micro_patch16_64", "token"))
	_, err := OpenBackbone(filepath.Join(dir, "model.safetensors.index.json"), "")
	if err == nil || !strings.HasSuffix(err.Error(), "the config.json beside it says which network these weights are of: give the folder, "+dir) {
		t.Error(err)
	}
}

func TestPublishedWeightsThatDoNotFitAreRefused(t *testing.T) {
	vit := timm("vit_micro_patch16_64", "token")
	with := func(change func(c map[string]any)) map[string]any {
		c := timm("vit_micro_patch16_64", "token")
		change(c)
		return c
	}
	for want, c := range map[string]struct {
		config map[string]any
		as     string
		size   int
	}{
		`did you mean "vit_micro_patch16_64"?`:                                                     {config: with(func(c map[string]any) { c["architecture"] = "vit_micro_patch16_46" })},
		"it is a vit_micro_patch16_64, not a resnet18: leave architecture out":                     {config: vit, as: "resnet18"},
		`global_pool "map": there are token and avg`:                                               {config: timm("vit_micro_patch16_64", "map")},
		"its model_args change the vit_micro_patch16_64 in ways that are not known here (qk_norm)": {config: with(func(c map[string]any) { c["model_args"] = map[string]any{"qk_norm": true} })},
		"it is transformers' swin, whose weights have other names than timm's (separate query, key and value): give the network as timm publishes it, hf://timm/NAME": {config: map[string]any{
			"model_type": "swin", "hidden_size": 768}},
		`model = "hf://timm/vit_base_patch14_dinov2.lvd142m", architecture = "vit_base_patch14_dinov2"`: {config: map[string]any{
			"model_type": "dinov2", "hidden_size": 768, "patch_size": 14}},
		`model = "hf://timm/vit_base_patch32_clip_224.openai", architecture = "vit_base_patch32_clip_quickgelu_224"`: {config: map[string]any{
			"model_type": "clip", "vision_config": map[string]any{"hidden_size": 768, "patch_size": 32}}},
		"give the folder that holds model_index.json":            {config: map[string]any{"_class_name": "UNet2DConditionModel"}},
		"it names no architecture: write architecture = NAME":    {config: map[string]any{}},
		"no config.json says which network these weights are of": {},
		"resample the positions by resize_positions = true":      {config: vit, size: 96},
		"as its reference implementation names them":             {config: timm("resnet10_64", "avg")},
		"of wrong shape or type":                                 {config: with(func(c map[string]any) { c["architecture"] = "vit_micro_patch8_64" })},
		"mean [0.5] and std [0.5] for 3 channels": {config: with(func(c map[string]any) {
			c["pretrained_cfg"] = map[string]any{"input_size": []int{3, 64, 64}, "mean": []float64{.5}, "std": []float64{.5}}
		})},
		"model_args: img_size [64,32]: its sides are not equal": {config: with(func(c map[string]any) { c["model_args"] = map[string]any{"img_size": []int{64, 32}} })},
		"model_args: img_size \"x\": json: cannot unmarshal string into Go value of type int\nmodel_args: in_chans \"y\"": {config: with(func(c map[string]any) {
			c["model_args"] = map[string]any{"in_chans": "y", "img_size": "x"}
		})},
		"input_size [3 64 32] is not": {config: with(func(c map[string]any) { c["pretrained_cfg"] = map[string]any{"input_size": []int{3, 64, 32}} })},
	} {
		dir := publish(t, pretrained(t, "vit_micro_patch16_64", 3), c.config)
		b, err := OpenBackbone(dir, c.as)
		if err == nil {
			size := 64
			if c.size != 0 {
				size = c.size
			}
			_, err = b.Classifier(twoClasses, size, 1)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestTheTagOfTheWeightsChoosesAmongNetworksOfOneArchitecture(t *testing.T) {
	for _, c := range []struct{ tag, pool, as, want string }{
		{"mae", "avg", "", "vit_base_patch16_224.mae"},
		{"mae", "token", "", "vit_base_patch16_224.mae"}, // as timm writes it
		{"dino", "token", "", "vit_base_patch16_224.dino"},
		{"augreg_in21k_ft_in1k", "token", "", "vit_base_patch16_224"},
		{"augreg_in21k_ft_in1k", "avg", "", "vit_base_patch16_224"},
		{"", "token", "vit_base_patch16_224.dino", "vit_base_patch16_224.dino"},
	} {
		config := timm("vit_base_patch16_224", c.pool)
		config["pretrained_cfg"].(map[string]any)["tag"] = c.tag
		text, err := json.Marshal(config)
		if err != nil {
			t.Fatal(err)
		}
		if info, _, err := parsePublished(text, c.as); err != nil || info.Architecture != c.want {
			t.Errorf("%+v: %s, %v", c, info.Architecture, err)
		}
	}
}

// timm's MAE pools the class token; who fine-tuned it by the mean of the patches has a norm behind that.
func TestWeightsArePooledAsTheirFolderSays(t *testing.T) {
	for pool, norm := range map[string]string{"token": "norm.weight", "avg": "fc_norm.weight"} {
		net, err := NewClassifier("vit_micro_patch16_64", model.Options{Channels: 3, GlobalPool: pool}, strings.Split("abcdefghij", ""), 3)
		if err != nil {
			t.Fatal(err)
		}
		b, err := OpenBackbone(publish(t, net, timm("vit_micro_patch16_64", pool)), "")
		if err != nil {
			t.Fatal(err)
		}
		got, err := b.Classifier(twoClasses, 64, 9)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got.Weights.Data(norm), net.Weights.Data(norm)) || got.Weights.Data(norm) == nil {
			t.Errorf("%s: no %s of the file", pool, norm)
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestCLIPOfOpenAIOpensFromTheFolderOfItsPlainName(t *testing.T) {
	text, err := json.Marshal(timm("vit_base_patch16_clip_224", "token"))
	if err != nil {
		t.Fatal(err)
	}
	if info, _, err := parsePublished(text, "vit_base_patch16_clip_quickgelu_224"); err != nil || info.Architecture != "vit_base_patch16_clip_quickgelu_224" {
		t.Errorf("%s, %v", info.Architecture, err)
	}
}

func FuzzParsePublished(f *testing.F) {
	for _, config := range []map[string]any{timm("vit_micro_patch16_64", "token"), {"model_type": "vit"}, {"architecture": "resnet18"}} {
		text, err := json.Marshal(config)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		info, _, err := parsePublished(raw, "")
		if err != nil {
			return
		}
		if len(info.Mean) != info.Channels || len(info.Std) != info.Channels || info.Size < 1 {
			t.Fatalf("%+v", info)
		}
	})
}

func TestDenseNetOpensAsTorchvisionFirstPublishedIt(t *testing.T) {
	net := pretrained(t, "densenet121", 3)
	tensors := map[string]checkpoint.Tensor{}
	for name, x := range checkpoint.FromWeights(net.Weights, net.Weights.Names()) {
		if strings.Contains(name, ".denselayer") {
			for _, part := range []string{"norm1", "conv1", "norm2", "conv2"} {
				name = strings.Replace(name, part, part[:4]+"."+part[4:], 1)
			}
		}
		tensors[name] = x
	}
	path := filepath.Join(t.TempDir(), "densenet121.safetensors")
	if err := checkpoint.Write(path, tensors, nil); err != nil {
		t.Fatal(err)
	}
	b, err := OpenBackbone(path, "densenet121")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	got, err := b.Classifier(twoClasses, 64, 9)
	if err != nil {
		t.Fatal(err)
	}
	const name = "features.denseblock3.denselayer24.conv2.weight"
	if !slices.Equal(got.Weights.Data(name), net.Weights.Data(name)) {
		t.Errorf("%s is not the file's", name)
	}
	if got.Adapter, err = peft.Prepare(got.Network, got.Weights, peft.Options{Method: "norm"}); err != nil {
		t.Fatal(err)
	}
	tuned := filepath.Join(t.TempDir(), "tuned")
	if err := b.WriteFineTuned(tuned, got); err != nil {
		t.Fatal(err)
	}
	back, err := ReadClassifier(tuned)
	if err != nil {
		t.Fatal(err)
	}
	if err := back.Close(); err != nil {
		t.Error(err)
	}
}
