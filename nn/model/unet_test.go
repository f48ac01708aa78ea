package model

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/nn/layer"
)

func buildUNet(t *testing.T, m *UNet) *layer.Builder {
	t.Helper()
	if err := m.Validate(); err != nil {
		t.Fatal(err)
	}
	b := recorder()
	x := b.Input("sample", tensor.Float32, 2, m.InChannels, m.SampleSize, m.SampleSize)
	time := b.Input("time", tensor.Float32, 2, m.BlockOutChannels[0])
	text := b.Input("text", tensor.Float32, 2, 7, m.CrossAttention)
	y := m.Build(b, x, time, text)
	if err := b.Finish(); err != nil {
		t.Fatal(err)
	}
	if !y.Shape().Eq(x.Shape()) {
		t.Errorf("noise %v for a sample %v", y.Shape(), x.Shape())
	}
	return b
}

func all(layer.Param) bool { return true }

// The configuration is that of runwayml/stable-diffusion-v1-5, by diffusers' keys.
func TestStableDiffusionsUNetHasItsPublishedSize(t *testing.T) {
	text, err := os.ReadFile("testdata/stable_diffusion_v1_5_unet.json")
	if err != nil {
		t.Fatal(err)
	}
	m := new(UNet)
	if err := json.Unmarshal(text, m); err != nil {
		t.Fatal(err)
	}
	params := buildUNet(t, m).Sites().Params
	if got := count(params, all); got != 859_520_964 {
		t.Errorf("%d parameters, published 859520964", got)
	}
	checkKeys(t, "stable_diffusion_v1_5_unet", params)
}

func TestSmallUNetKeepsTheStructure(t *testing.T) {
	checkKeys(t, "unet_small", buildUNet(t, NewUNet(16, 16, []int{32, 64}, 1, 1, 48, 4, 8)).Sites().Params)
}

func TestUNetRefusesWhatItCannotBuild(t *testing.T) {
	for name, edit := range map[string]func(*UNet){
		"activation": func(m *UNet) { m.ActFn = "gelu" },
		"block":      func(m *UNet) { m.DownBlockTypes[0] = "AttnDownBlock2D" },
		"groups":     func(m *UNet) { m.NormNumGroups = 7 },
		"side":       func(m *UNet) { m.SampleSize = 15 },
	} {
		m := NewUNet(16, 16, []int{32, 64}, 1, 1, 48, 4, 8)
		edit(m)
		if m.Validate() == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

func TestTimeFeaturesAreDiffusersSinusoids(t *testing.T) {
	m := NewUNet(16, 16, []int{32, 64}, 1, 1, 48, 4, 8)
	f := m.TimeFeatures(3)
	for i, want := range map[int]float64{0: math.Cos(3), 16: math.Sin(3), 8: math.Cos(3 * 0.01), 24: math.Sin(3 * 0.01)} {
		if math.Abs(float64(f[i])-want) > 1e-6 {
			t.Errorf("feature %d is %v, want %v", i, f[i], want)
		}
	}
}

func TestCLIPTextHasItsPublishedSize(t *testing.T) {
	// openai/clip-vit-large-patch14's text model, Stable Diffusion's encoder.
	m := NewCLIPText(49408, 77, 768, 12, 12)
	if err := m.Validate(); err != nil {
		t.Fatal(err)
	}
	b := recorder()
	y := m.Build(b, b.Input("input_ids", tensor.Int32, 1, 77))
	if err := b.Finish(); err != nil {
		t.Fatal(err)
	}
	if y.Shape()[1] != 77 || y.Shape()[2] != 768 {
		t.Errorf("hidden states %v", y.Shape())
	}
	if got := count(b.Sites().Params, all); got != 123_060_480 {
		t.Errorf("%d parameters, published 123060480", got)
	}
	checkKeys(t, "clip_vit_large_patch14_text", b.Sites().Params)
}
