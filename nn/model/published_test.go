package model

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/nn/layer"
)

// stableDiffusion are its parts.
var stableDiffusion = []struct {
	name   string // of its config.json and key list
	params int    // published
	model  func() partOfStableDiffusion
}{
	{"stable_diffusion_v1_5_unet", 859_520_964, func() partOfStableDiffusion { return new(UNet) }},
	{"stable_diffusion_2_1_unet", 865_910_724, func() partOfStableDiffusion { return new(UNet) }},
	{"stable_diffusion_v1_5_vae", 83_653_863, func() partOfStableDiffusion { return new(AutoencoderKL) }},
	{"clip_vit_large_patch14_text", 123_060_480, func() partOfStableDiffusion { return new(CLIPText) }},
	{"clip_vit_h_14_text", 340_387_840, func() partOfStableDiffusion { return new(CLIPText) }},
}

type partOfStableDiffusion interface{ Validate() error }

// published reads the config.json of that name into m.
func published(t *testing.T, name string, m partOfStableDiffusion) map[string]any {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, m); err != nil {
		t.Fatal(err)
	}
	if err := m.Validate(); err != nil {
		t.Fatal(err)
	}
	var config map[string]any
	if err := json.Unmarshal(text, &config); err != nil {
		t.Fatal(err)
	}
	return config
}

// buildPart builds m for a batch of two.
func buildPart(t *testing.T, m partOfStableDiffusion) []layer.Param {
	t.Helper()
	switch m := m.(type) {
	case *UNet:
		return buildUNet(t, m).Sites().Params
	case *CLIPText:
		return buildText(t, m)
	case *AutoencoderKL:
		return buildAutoencoder(t, m)
	}
	t.Fatalf("%T", m)
	return nil
}

func buildText(t *testing.T, m *CLIPText) []layer.Param {
	t.Helper()
	b := recorder()
	y := m.Build(b, b.Input("input_ids", tensor.Int32, 2, m.MaxPositionEmbeddings))
	if err := b.Finish(); err != nil {
		t.Fatal(err)
	}
	if !y.Shape().Eq(tensor.Shape{2, m.MaxPositionEmbeddings, m.HiddenSize}) {
		t.Errorf("hidden states %v", y.Shape())
	}
	return b.Sites().Params
}

func buildAutoencoder(t *testing.T, m *AutoencoderKL) []layer.Param {
	t.Helper()
	b, side := recorder(), 64/m.Shrink()
	x := b.Input("images", tensor.Float32, 2, m.InChannels, 64, 64)
	moments := m.Encode(b, x)
	y := m.Decode(b, b.Input("latents", tensor.Float32, 2, m.LatentChannels, side, side))
	if err := b.Finish(); err != nil {
		t.Fatal(err)
	}
	if !moments.Shape().Eq(tensor.Shape{2, 2 * m.LatentChannels, side, side}) || !y.Shape().Eq(x.Shape()) {
		t.Errorf("images %v, moments %v, decoded %v", x.Shape(), moments.Shape(), y.Shape())
	}
	return b.Sites().Params
}

// The key lists are the state_dicts of diffusers 0.42 and transformers 5.24.
func TestStableDiffusionsPartsHaveTheirPublishedKeysAndSizes(t *testing.T) {
	for _, p := range stableDiffusion {
		m := p.model()
		published(t, p.name, m)
		params := buildPart(t, m)
		if got := count(params, all); got != p.params {
			t.Errorf("%s: %d parameters, published %d", p.name, got, p.params)
		}
		checkKeys(t, p.name, params)
	}
}

func TestAConfigurationComesBackFromItsJSON(t *testing.T) {
	for _, p := range stableDiffusion {
		m, again := p.model(), p.model()
		published(t, p.name, m)
		text, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, again); err != nil {
			t.Fatal(err)
		}
		if second, _ := json.Marshal(again); string(second) != string(text) {
			t.Errorf("%s: %s became %s", p.name, text, second)
		}
	}
}

// What the network does not follow must not pass in silence: it would be another network.
func TestKeysThatAreNotFollowedAreRefusedByNameAndValue(t *testing.T) {
	for _, c := range []struct {
		name, key string
		value     any
		want      []string
	}{
		{"stable_diffusion_2_1_unet", "mid_block_scale_factor", 2, []string{"mid_block_scale_factor = 2", "supported: 1"}},
		{"stable_diffusion_2_1_unet", "only_cross_attention", []bool{true, false, false, false}, []string{"only_cross_attention = [true"}},
		{"stable_diffusion_2_1_unet", "addition_embed_type", "text_time", []string{`addition_embed_type = "text_time"`}},
		{"stable_diffusion_2_1_unet", "flip_sin_to_cos", false, []string{"flip_sin_to_cos = false"}},
		{"stable_diffusion_2_1_unet", "act_fn", "gelu", []string{`"gelu"`}},
		{"stable_diffusion_2_1_unet", "_class_name", "UNet2DModel", []string{"UNet2DModel"}},
		{"stable_diffusion_2_1_unet", "attention_head_dim", []int{}, []string{"heads"}},
		{"stable_diffusion_2_1_unet", "attention_head_dim", nil, []string{"0 heads"}},
		{"stable_diffusion_2_1_unet", "block_out_channels", make([]int, 80), []string{"80 widths"}},
		{"stable_diffusion_2_1_unet", "sample_size", nil, []string{"side of 0"}},
		{"stable_diffusion_2_1_unet", "wings", 2, []string{"unknown keys: wings"}},
		{"stable_diffusion_v1_5_vae", "shift_factor", 0.1, []string{"shift_factor = 0.1", "supported: null"}},
		{"stable_diffusion_v1_5_vae", "down_block_types", []string{"DownEncoderBlock2D", "AttnDownEncoderBlock2D", "", ""}, []string{"AttnDown"}},
		{"stable_diffusion_v1_5_vae", "wings", 2, []string{"unknown keys: wings"}},
		{"clip_vit_h_14_text", "attention_dropout", 0.5, []string{"attention_dropout = 0.5"}},
		{"clip_vit_h_14_text", "hidden_act", "relu", []string{`"relu"`}},
		{"clip_vit_h_14_text", "model_type", "clip_vision_model", []string{"clip_vision_model"}},
		{"clip_vit_h_14_text", "wings", 2, []string{"unknown keys: wings"}},
	} {
		for _, p := range stableDiffusion {
			if p.name != c.name {
				continue
			}
			config := published(t, p.name, p.model())
			config[c.key] = c.value
			text, err := json.Marshal(config)
			if err != nil {
				t.Fatal(err)
			}
			m := p.model()
			if err = json.Unmarshal(text, m); err == nil {
				err = m.Validate()
			}
			for _, want := range c.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%s, %s %v: %v, want %q", c.name, c.key, c.value, err, want)
				}
			}
		}
	}
}

func FuzzPublishedConfigs(f *testing.F) {
	for _, p := range stableDiffusion {
		text, err := os.ReadFile(filepath.Join("testdata", p.name+".json"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, m := range []partOfStableDiffusion{new(UNet), new(AutoencoderKL), new(CLIPText)} {
			if json.Unmarshal(text, m) != nil || m.Validate() != nil {
				continue
			}
			again, err := json.Marshal(m)
			if err == nil {
				err = json.Unmarshal(again, m)
			}
			if err == nil {
				err = m.Validate()
			}
			if err != nil {
				t.Errorf("%s became %s: %v", text, again, err)
			}
		}
	})
}

// Keys at the value that diffusers writes for a model of today, where older files lack them.
func TestKeysOfNewerFilesAreKnown(t *testing.T) {
	text := `{"_class_name":"UNet2DConditionModel","sample_size":64,"dropout":0.0,"layers_per_block":2,"only_cross_attention":[false,false,false,false],
		"transformer_layers_per_block":[1,1,1,1],"num_attention_heads":null,"resnet_time_scale_shift":"default","attention_head_dim":[8,8,8,8]}`
	m := new(UNet)
	if err := json.Unmarshal([]byte(text), m); err != nil {
		t.Fatal(err)
	}
	if err := m.Validate(); err != nil || m.CrossAttention != 1280 || m.Heads.At(3) != 8 {
		t.Errorf("%+v: %v", m, err)
	}
}
