package peft_test

import (
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/model"
	"github.com/pipe-ml/pipe/nn/peft"
)

// variant is a published network; building it allocates no weights.
func variant(t *testing.T, name string) peft.Model {
	t.Helper()
	if name == "sd15_unet" {
		text, err := os.ReadFile("../model/testdata/stable_diffusion_v1_5_unet.json")
		check(t, err)
		m := new(model.UNet)
		check(t, json.Unmarshal(text, m))
		return func(b *layer.Builder) {
			latents, time := b.Input("latents", tensor.Float32, 1, 4, 64, 64), b.Input("time", tensor.Float32, 1, 320)
			m.Build(b, latents, time, b.Input("text", tensor.Float32, 1, 77, 768))
		}
	}
	if name == "clip_text" {
		m := model.NewCLIPText(49408, 77, 768, 12, 12)
		return func(b *layer.Builder) { m.Build(b, b.Input("ids", tensor.Int32, 1, 77)) }
	}
	v, err := model.Lookup(name)
	check(t, err)
	m, err := v.New(model.Options{Classes: 1000})
	check(t, err)
	in := m.Input()
	return func(b *layer.Builder) {
		m.Head(b, m.Features(b, b.Input("images", tensor.Float32, 1, in.Channels, in.Size, in.Size)))
	}
}

type count struct {
	variant, method string
	config          map[string]any
	want            int // -1: refused
}

// counts are the figures of the reference implementations for the published sizes, without the head. Every method has one.
var counts = []count{
	{"vit_base_patch16_224", "full", nil, 85_798_656},
	{"vit_base_patch16_224", "linear", nil, 0},
	{"vit_base_patch16_224", "bitfit", nil, 102_912},
	{"vit_base_patch16_224", "norm", nil, 38_400},
	{"vit_base_patch16_224", "ssf", nil, 205_824},
	{"vit_base_patch16_224", "lora", nil, 294_912},
	{"vit_base_patch16_224", "adaptformer", nil, 1_189_632},
	{"vit_base_patch16_224", "vpt", map[string]any{"tokens": 10}, 12 * 10 * 768},
	{"vit_base_patch16_224", "vpt", map[string]any{"tokens": 10, "deep": false}, 10 * 768},
	{"resnet50", "full", nil, 23_508_032},
	{"resnet50", "bitfit", nil, 26_560},
	{"resnet50", "norm", nil, 53_120},
	{"resnet50", "ssf", nil, 53_120},
	{"resnet50", "lora", nil, 543_744},
	{"resnet50", "adaptformer", nil, -1},
	{"resnet50", "vpt", nil, -1},
	{"sd15_unet", "full", nil, 859_520_964},
	{"sd15_unet", "bitfit", nil, 343_684},
	{"sd15_unet", "norm", nil, 200_320},
	{"sd15_unet", "lora", map[string]any{"rank": 16, "alpha": 27}, 1_594_368},
	{"sd15_unet", "linear", nil, -1},
	{"vit_base_patch16_224", "dora", nil, 294_912 + 12*2*768},
	{"vit_base_patch16_224", "fact_tt", nil, 61_440},
	{"vit_base_patch16_224", "fact_tk", nil, 86_528},
	{"vit_base_patch16_224", "krona", nil, 12 * 2 * (32*32 + 24*24)},
	{"vit_base_patch16_224", "kadaptation", nil, 2*2*32*32 + 12*2*32*(24+24)},
	{"vit_base_patch16_224", "vera", nil, 24_576},
	{"resnet50", "vera", nil, -1},
	{"sd15_unet", "vera", nil, 32*2*256 + 2*2*(5*320+5*640+6*1280)},
	{"vit_base_patch16_224", "svdiff", nil, 768 + 12*(4*768+2) + 1},
	{"vit_base_patch16_224", "tsa", nil, -1},
	{"resnet50", "tsa", map[string]any{"alignment": false}, 1_257_472},
	{"resnet50", "tsa", nil, 1_257_472 + 4_194_304},
	{"resnet50", "fact_tt", nil, -1},
	{"resnet50", "krona", nil, -1},
	{"sd15_unet", "svdiff", nil, 222_805},
	{"sd15_unet", "fact_tt", nil, -1},
	// 1x1 convolutions of 12 pairs: rank * (in + out), which sum to 3,936 and 4,928.
	{"mobilenet_v1_trunk_224", "lora", nil, 8 * (3_936 + 4_928)},

	{"vit_base_patch16_224", "batch_norm", nil, -1},
	{"vit_base_patch16_224", "group_norm", nil, -1},
	{"vit_base_patch16_224", "layer_norm", nil, 38_400},
	{"vit_base_patch16_224", "attention", nil, 28_499_712},
	{"vit_base_patch16_224", "attention", map[string]any{"positions": false}, 28_348_416},
	{"vit_base_patch16_224", "attention_blocks", nil, -1},
	{"vit_base_patch16_224", "norm_bias", nil, 122_112},
	{"vit_base_patch16_224", "norm_bias_attention", nil, 28_433_664},
	{"vit_base_patch16_224", "adapter", nil, 2_379_264},
	{"vit_base_patch16_224", "adapter", map[string]any{"style": "pfeiffer", "bottleneck": 96}, 1_779_840},
	{"vit_base_patch16_224", "compacter", nil, 57_088},
	{"vit_base_patch16_224", "prefix", map[string]any{"tokens": 10}, 184_320},
	{"vit_base_patch16_224", "convpass", nil, 327_552},
	{"vit_base_patch16_224", "ia3", nil, 55_296},
	{"vit_base_patch16_224", "difffit", nil, 177_408},
	{"vit_base_patch16_224", "lite_residual", nil, -1},
	{"resnet50", "batch_norm", nil, 53_120},
	{"resnet18", "lite_residual", nil, 3_912_320},
	{"resnet50", "lite_residual", nil, -1},
	{"resnet50", "lite_residual", map[string]any{"expand": 0.0625}, 9_368_944},
	{"densenet121", "lite_residual", nil, -1},
	{"mobilenet_v1_224", "lite_residual", nil, -1},
	{"mobilenet_v1_224", "lite_residual", map[string]any{"expand": 0.0625}, 1_870_976},
	{"resnet50", "layer_norm", nil, -1},
	{"resnet50", "group_norm", nil, -1},
	{"resnet50", "attention", nil, -1},
	{"resnet50", "norm_bias", nil, -1},
	{"resnet50", "norm_bias_attention", nil, -1},
	{"resnet50", "adapter", nil, -1},
	{"resnet50", "compacter", nil, -1},
	{"resnet50", "prefix", nil, -1},
	{"resnet50", "convpass", nil, -1},
	{"resnet50", "ia3", nil, -1},
	{"resnet50", "difffit", nil, -1},
	{"sd15_unet", "batch_norm", nil, -1},
	{"sd15_unet", "layer_norm", nil, 74_880},
	{"sd15_unet", "group_norm", nil, 125_440},
	{"sd15_unet", "attention", nil, 93_536_640},
	{"sd15_unet", "attention_blocks", nil, 267_239_360},
	{"sd15_unet", "norm_bias", nil, 443_844},
	{"sd15_unet", "norm_bias_attention", nil, 267_421_124},
	{"sd15_unet", "difffit", nil, 581_124},
	{"sd15_unet", "lite_residual", nil, -1},
	// 16 blocks, of which 5, 5 and 6 are 320, 640 and 1280 wide.
	{"sd15_unet", "adaptformer", nil, 2*64*(5*320+5*640+6*1280) + 16*64 + (5*320 + 5*640 + 6*1280)},
	{"sd15_unet", "ia3", nil, (2 + 2 + 4) * (5*320 + 5*640 + 6*1280)},
	{"sd15_unet", "prefix", map[string]any{"tokens": 1}, 4 * (5*320 + 5*640 + 6*1280)},
	{"clip_text", "attention", nil, 28_348_416},
	{"clip_text", "adapter", nil, 2_379_264},
	{"clip_text", "ia3", nil, 55_296},
	{"clip_text", "prefix", nil, 184_320},
	{"clip_text", "convpass", nil, -1},
}

func TestPublishedCounts(t *testing.T) {
	for _, c := range counts {
		a, err := peft.Prepare(variant(t, c.variant), layer.NewWeights(1), peft.Options{Method: c.method, Config: c.config})
		if c.want < 0 {
			if !errors.Is(err, peft.ErrNothingToTrain) && !errors.Is(err, peft.ErrUnfit) {
				t.Errorf("%s on %s: want a refusal, got %v", c.method, c.variant, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s on %s: %v", c.method, c.variant, err)
		} else if got := a.Count.Trained - a.Count.Head; got != c.want {
			t.Errorf("%s on %s trains %d, want %d", c.method, c.variant, got, c.want)
		}
	}
}

// TestEveryMethodHasAPublishedCount: a row above that is no refusal, whose figure stands in the method's card.
func TestEveryMethodHasAPublishedCount(t *testing.T) {
	for _, name := range peft.Names() {
		card, err := peft.Card(name)
		check(t, err)
		if !slices.ContainsFunc(counts, func(c count) bool {
			return c.method == name && c.want >= 0 && strings.Contains(strings.Join(card, "\n"), commas(c.want))
		}) {
			t.Errorf("%s: no row of counts has a figure that its card gives", name)
		}
	}
}

// commas writes n as cards do.
func commas(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func TestBothPercentages(t *testing.T) {
	a, err := peft.Prepare(variant(t, "vit_base_patch16_224"), layer.NewWeights(1), peft.Options{Method: "lora"})
	check(t, err)
	const body, head, delta = 85_798_656, 768*1000 + 1000, 294_912
	if want := (peft.Count{Total: body + head + delta, Body: body, Trained: head + delta, Head: head}); a.Count != want {
		t.Errorf("count %+v, want %+v", a.Count, want)
	}
	if with, without := a.Count.WithHead(), a.Count.WithoutHead(); with != 100*float64(head+delta)/(body+head+delta) || without != 100*float64(delta)/body {
		t.Errorf("%v %% with and %v %% without the head", with, without)
	}
}

// TestLoRAOnSevenOfTwelveBlocks is the count that the author's notebook prints.
func TestLoRAOnSevenOfTwelveBlocks(t *testing.T) {
	a, err := peft.Prepare(variant(t, "vit_base_patch16_224"), layer.NewWeights(1), peft.Options{Method: "lora", Mask: peft.Mask{Blocks: []int{0, 1, 2, 3, 4, 5, 6}}})
	check(t, err)
	if got := a.Count.Trained - a.Count.Head; got != 172_032 {
		t.Errorf("%d parameters, want 172032", got)
	}
}

func TestSupportMatrix(t *testing.T) {
	rows, err := peft.Support(backbones[2].model(nil, nil), peft.Names())
	check(t, err)
	got := map[string]bool{}
	for _, r := range rows {
		got[r.Method] = r.Refused == ""
	}
	want := map[string]bool{
		"adaptformer": false, "bitfit": true, "full": true, "linear": false, "lora": true, "norm": true, "ssf": true, "vpt": false,
		"batch_norm": false, "layer_norm": true, "group_norm": true, "attention": true, "attention_blocks": true, "norm_bias": true,
		"norm_bias_attention": true, "adapter": true, "compacter": false, "prefix": true, "convpass": true, "ia3": true, "difffit": true,
		"lite_residual": false, "dora": true, "fact_tt": false, "fact_tk": false, "krona": true, "kadaptation": false, "svdiff": true, "tsa": false, "vera": true,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("methods on a U-Net: %s", d)
	}
}
