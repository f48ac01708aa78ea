package artifact

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pipe-ml/pipe/accel/cpu"
	"github.com/pipe-ml/pipe/nn/checkpoint"
	"github.com/pipe-ml/pipe/nn/peft"
)

// near tells whether y are the numbers x but for float32's rounding.
func near(x, y []float32) bool {
	for i := range x {
		if len(y) != len(x) || math.Abs(float64(x[i])-float64(y[i])) > 1e-4*max(1, math.Abs(float64(x[i]))) {
			return false
		}
	}
	return len(x) > 0
}

func TestMergedWeightsAreAModelThatAnswersAsTheFineTunedOne(t *testing.T) {
	for name, method := range map[string]string{"vit_micro_patch16_64": "lora", "resnet10_64": "ssf"} {
		dir := t.TempDir()
		base, merged := filepath.Join(dir, "base"), filepath.Join(dir, "merged")
		if err := classifier(t, name).Write(base); err != nil {
			t.Fatal(err)
		}
		b, err := OpenBackbone(base, "")
		if err != nil {
			t.Fatal(err)
		}
		c, err := b.Classifier([]string{"x", "y", "z"}, 64, 5)
		if err != nil {
			t.Fatal(err)
		}
		untrained := logits(t, c)
		if c.Adapter, err = peft.Prepare(c.Network, c.Weights, peft.Options{Method: method}); err != nil {
			t.Fatal(err)
		}
		perturb(c.Adapter, c.Weights.Data)
		if err := c.WriteMerged(merged); err != nil {
			t.Fatal(err)
		}
		back, err := ReadClassifier(merged)
		if err != nil {
			t.Fatal(err)
		}
		want, got := logits(t, c), logits(t, back)
		if !near(want, got) || near(want, untrained) {
			t.Errorf("%s: %v became %v; untrained %v", name, want, got, untrained)
		}
		again, err := OpenBackbone(merged, "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := again.Classifier(twoClasses, 64, 1); err != nil {
			t.Error(err)
		}
		if again.Info.TimmConfig == nil || again.Info.NumClasses != 3 || again.Info.ModelArgs["in_chans"] != 1. {
			t.Errorf("%s: timm is told %+v", name, again.Info.TimmConfig)
		}
		if err := back.WriteMerged(merged); err == nil {
			t.Error("whole weights were merged")
		}
	}
}

func TestAMergedDiffusionModelIsItsFolderWithAnotherUNet(t *testing.T) {
	dir, merged := stableDiffusion(t, 1), filepath.Join(t.TempDir(), "merged")
	d, err := ReadDiffusion(dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	if d.Adapter, err = peft.Prepare(d.Model.Denoiser, d.Model.Weights, peft.Options{Method: "lora"}); err != nil {
		t.Fatal(err)
	}
	perturb(d.Adapter, d.Model.Weights.Data)
	if err := d.WriteMerged(merged); err != nil {
		t.Fatal(err)
	}
	back, err := ReadDiffusion(merged, 0)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(d.files, back.files); diff != "" {
		t.Error(diff)
	}
	same(t, filepath.Join(merged, "text_encoder/model.safetensors"), filepath.Join(dir, "text_encoder/model.safetensors"))
	captions := [][]int32{d.Model.Empty}
	want, err := d.Model.Predict(t.Context(), cpu.New(1), d.Model.Weights, d.Adapter.Plan, captions)
	if err != nil {
		t.Fatal(err)
	}
	got, err := back.Model.Predict(t.Context(), cpu.New(1), back.Model.Weights, nil, captions)
	if err != nil || back.Adapter != nil || !near(want, got) {
		t.Errorf("the merged model predicts otherwise: %v", err)
	}
}

// foreignLoRA writes what the PEFT library saves of a LoRA of rank 2 on qkv of a vit_micro, with a head for heads classes if that is not 0.
func foreignLoRA(t *testing.T, heads int) string {
	t.Helper()
	dir, tensors := t.TempDir(), map[string]checkpoint.Tensor{}
	add := func(name string, shape ...int) {
		n := 1
		for _, s := range shape {
			n *= s
		}
		data := make([]float32, n)
		for i := range data {
			data[i] = float32(i%7-3) / 20
		}
		tensors["base_model.model."+name] = checkpoint.FromFloat32(shape, data)
	}
	for _, block := range strings.Split("012345", "") {
		add("blocks."+block+".attn.qkv.lora_A.weight", 2, 96)
		add("blocks."+block+".attn.qkv.lora_B.weight", 288, 2)
	}
	if heads > 0 {
		add("head.weight", heads, 96)
		add("head.bias", heads)
	}
	if err := checkpoint.Write(filepath.Join(dir, peft.WeightsFile), tensors, nil); err != nil {
		t.Fatal(err)
	}
	config := `{"peft_type":"LORA","r":2,"lora_alpha":4,"target_modules":["qkv"],"bias":"none"}`
	if err := os.WriteFile(filepath.Join(dir, peft.ConfigFile), []byte(config), 0o666); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestAnAdapterOfThePEFTLibraryIsReadOnItsBase(t *testing.T) {
	net := pretrained(t, "vit_micro_patch16_64", 3)
	base := publish(t, net, timm("vit_micro_patch16_64", "token"))
	ten := strings.Split("abcdefghij", "")
	for _, c := range []struct {
		heads   int
		classes []string
		want    string
	}{
		{0, ten, ""},
		{2, twoClasses, ""},
		{0, nil, "the head has 10 outputs, and no file says what they are called: write classes"},
		{2, ten, "10 classes for a head of 2 outputs"},
	} {
		got, err := ReadAdapted(base, "", foreignLoRA(t, c.heads), c.classes)
		if c.want != "" {
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%d outputs of the adapter, classes %v: %v", c.heads, c.classes, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if log := strings.Join(got.Changes, "\n"); strings.Contains(log, "replaced") {
			t.Errorf("%d outputs of the adapter: the log says %q, and the head is the file's or the adapter's", c.heads, log)
		}
		if c.heads == 0 && !near(net.Weights.Data("head.weight"), got.Weights.Data("head.weight")) {
			t.Error("the head is not the base's")
		}
		merged := filepath.Join(t.TempDir(), "merged")
		if err := got.WriteMerged(merged); err != nil {
			t.Fatal(err)
		}
		back, err := ReadClassifier(merged)
		if err != nil {
			t.Fatal(err)
		}
		x, y, plain := logits(t, got), logits(t, back), logits(t, net)
		if len(x) != len(c.classes) || !near(x, y) || near(x, plain) {
			t.Errorf("adapted %v, merged %v, base %v", x, y, plain)
		}
	}
}

func TestAnAdapterInThePlaceOfAModelIsRefusedWithWhatToDo(t *testing.T) {
	dir := foreignLoRA(t, 2)
	_, asBackbone := OpenBackbone(dir, "vit_micro_patch16_64")
	_, asDiffusion := ReadDiffusion(dir, 0)
	for _, err := range []error{asBackbone, asDiffusion} {
		if err == nil || !strings.Contains(err.Error(), `give it to a stage "merge" "NAME" { model = BASE, adapter = `) {
			t.Errorf("the PEFT library's: %v", err)
		}
	}
	dir = t.TempDir()
	if err := checkpoint.Write(filepath.Join(dir, diffusersLoRA), nil, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadDiffusion(dir, 0); err == nil || !strings.Contains(err.Error(), "fuse_lora") {
		t.Errorf("diffusers': %v", err)
	}
}
