package model

import (
	"math"
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

func TestSmallUNetKeepsTheStructure(t *testing.T) {
	checkKeys(t, "unet_small", buildUNet(t, NewUNet(16, 16, []int{32, 64}, 1, 1, 48, 4, 8)).Sites().Params)
}

func TestUNetRefusesWhatItCannotBuild(t *testing.T) {
	for name, edit := range map[string]func(*UNet){
		"activation": func(m *UNet) { m.ActFn = "gelu" },
		"block":      func(m *UNet) { m.DownBlockTypes[0] = "AttnDownBlock2D" },
		"heads":      func(m *UNet) { m.Heads = PerLevel{1, 2, 4} },
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
