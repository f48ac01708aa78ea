package peft_test

import (
	"errors"
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

// variant is a network of the support matrix or a variant; building it allocates no weights.
func variant(t *testing.T, name string) peft.Model {
	t.Helper()
	published, err := peft.References()
	check(t, err)
	if i := slices.IndexFunc(published, func(r peft.Reference) bool { return r.Name == name }); i >= 0 {
		return published[i].Model
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
	{"ViT-B/16", "full", nil, 85_798_656},
	{"ViT-B/16", "linear", nil, 0},
	{"ViT-B/16", "bitfit", nil, 102_912},
	{"ViT-B/16", "norm", nil, 38_400},
	{"ViT-B/16", "ssf", nil, 205_824},
	{"ViT-B/16", "lora", nil, 294_912},
	{"ViT-B/16", "adaptformer", nil, 1_189_632},
	{"ViT-B/16", "vpt", map[string]any{"tokens": 10}, 12 * 10 * 768},
	{"ViT-B/16", "vpt", map[string]any{"tokens": 10, "deep": false}, 10 * 768},
	{"ResNet-50", "full", nil, 23_508_032},
	{"ResNet-50", "bitfit", nil, 26_560},
	{"ResNet-50", "norm", nil, 53_120},
	{"ResNet-50", "ssf", nil, 53_120},
	{"ResNet-50", "lora", nil, 543_744},
	{"ResNet-50", "adaptformer", nil, -1},
	{"ResNet-50", "vpt", nil, -1},
	{"SD-1.5 U-Net", "full", nil, 859_520_964},
	{"SD-1.5 U-Net", "bitfit", nil, 343_684},
	{"SD-1.5 U-Net", "norm", nil, 200_320},
	{"SD-1.5 U-Net", "lora", map[string]any{"rank": 16, "alpha": 27}, 1_594_368},
	{"SD-1.5 U-Net", "linear", nil, -1},
	{"ViT-B/16", "dora", nil, 294_912 + 12*2*768},
	{"ViT-B/16", "fact_tt", nil, 61_440},
	{"ViT-B/16", "fact_tk", nil, 86_528},
	{"ViT-B/16", "krona", nil, 12 * 2 * (32*32 + 24*24)},
	{"ViT-B/16", "kadaptation", nil, 2*2*32*32 + 12*2*32*(24+24)},
	{"ViT-B/16", "vera", nil, 24_576},
	{"ResNet-50", "vera", nil, -1},
	{"SD-1.5 U-Net", "vera", nil, 32*2*256 + 2*2*(5*320+5*640+6*1280)},
	{"ViT-B/16", "svdiff", nil, 768 + 12*(4*768+2) + 1},
	{"ViT-B/16", "tsa", nil, -1},
	{"ResNet-50", "tsa", map[string]any{"alignment": false}, 1_257_472},
	{"ResNet-50", "tsa", nil, 1_257_472 + 4_194_304},
	{"ResNet-50", "fact_tt", nil, -1},
	{"ResNet-50", "krona", nil, -1},
	{"SD-1.5 U-Net", "svdiff", nil, 222_805},
	{"SD-1.5 U-Net", "fact_tt", nil, -1},
	// 1x1 convolutions of 12 pairs: rank * (in + out), which sum to 3,936 and 4,928.
	{"mobilenet_v1_trunk_224", "lora", nil, 8 * (3_936 + 4_928)},

	{"ViT-B/16", "batch_norm", nil, -1},
	{"ViT-B/16", "group_norm", nil, -1},
	{"ViT-B/16", "layer_norm", nil, 38_400},
	{"ViT-B/16", "attention", nil, 28_499_712},
	{"ViT-B/16", "attention", map[string]any{"positions": false}, 28_348_416},
	{"ViT-B/16", "attention_blocks", nil, -1},
	{"ViT-B/16", "norm_bias", nil, 122_112},
	{"ViT-B/16", "norm_bias_attention", nil, 28_433_664},
	{"ViT-B/16", "adapter", nil, 2_379_264},
	{"ViT-B/16", "adapter", map[string]any{"style": "pfeiffer", "bottleneck": 96}, 1_779_840},
	{"ViT-B/16", "compacter", nil, 57_088},
	{"ViT-B/16", "prefix", map[string]any{"tokens": 10}, 184_320},
	{"ViT-B/16", "convpass", nil, 327_552},
	{"ViT-B/16", "ia3", nil, 55_296},
	{"ViT-B/16", "difffit", nil, 177_408},
	{"ViT-B/16", "lite_residual", nil, -1},
	{"ResNet-50", "batch_norm", nil, 53_120},
	{"resnet18", "lite_residual", nil, 3_912_320},
	{"ResNet-50", "lite_residual", nil, -1},
	{"ResNet-50", "lite_residual", map[string]any{"expand": 0.0625}, 9_368_944},
	{"DenseNet-121", "lite_residual", nil, -1},
	{"MobileNet-v1", "lite_residual", nil, -1},
	{"MobileNet-v1", "lite_residual", map[string]any{"expand": 0.0625}, 1_870_976},
	{"ResNet-50", "layer_norm", nil, -1},
	{"ResNet-50", "group_norm", nil, -1},
	{"ResNet-50", "attention", nil, -1},
	{"ResNet-50", "norm_bias", nil, -1},
	{"ResNet-50", "norm_bias_attention", nil, -1},
	{"ResNet-50", "adapter", nil, -1},
	{"ResNet-50", "compacter", nil, -1},
	{"ResNet-50", "prefix", nil, -1},
	{"ResNet-50", "convpass", nil, -1},
	{"ResNet-50", "ia3", nil, -1},
	{"ResNet-50", "difffit", nil, -1},
	{"SD-1.5 U-Net", "batch_norm", nil, -1},
	{"SD-1.5 U-Net", "layer_norm", nil, 74_880},
	{"SD-1.5 U-Net", "group_norm", nil, 125_440},
	{"SD-1.5 U-Net", "attention", nil, 93_536_640},
	{"SD-1.5 U-Net", "attention_blocks", nil, 267_239_360},
	{"SD-1.5 U-Net", "norm_bias", nil, 443_844},
	{"SD-1.5 U-Net", "norm_bias_attention", nil, 267_421_124},
	{"SD-1.5 U-Net", "difffit", nil, 581_124},
	{"SD-1.5 U-Net", "lite_residual", nil, -1},
	// 16 blocks, of which 5, 5 and 6 are 320, 640 and 1280 wide.
	{"SD-1.5 U-Net", "adaptformer", nil, 2*64*(5*320+5*640+6*1280) + 16*64 + (5*320 + 5*640 + 6*1280)},
	{"SD-1.5 U-Net", "ia3", nil, (2 + 2 + 4) * (5*320 + 5*640 + 6*1280)},
	{"SD-1.5 U-Net", "prefix", map[string]any{"tokens": 1}, 4 * (5*320 + 5*640 + 6*1280)},
	{"CLIP-L text", "attention", nil, 28_348_416},
	{"CLIP-L text", "adapter", nil, 2_379_264},
	{"CLIP-L text", "ia3", nil, 55_296},
	{"CLIP-L text", "prefix", nil, 184_320},
	{"CLIP-L text", "convpass", nil, -1},
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
	a, err := peft.Prepare(variant(t, "ViT-B/16"), layer.NewWeights(1), peft.Options{Method: "lora"})
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
	a, err := peft.Prepare(variant(t, "ViT-B/16"), layer.NewWeights(1), peft.Options{Method: "lora", Mask: peft.Mask{Blocks: []int{0, 1, 2, 3, 4, 5, 6}}})
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
