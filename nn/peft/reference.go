package peft

import (
	"encoding/json"
	"fmt"

	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/model"
)

// Reference is a published network for which the support matrix tells what each method trains.
type Reference struct {
	Name  string
	Model Model
}

// References are the networks of the support matrix, the first three being those whose counts papers give.
func References() ([]Reference, error) {
	unet := new(model.UNet)
	if err := json.Unmarshal([]byte(stableDiffusion), unet); err != nil {
		return nil, fmt.Errorf("stable diffusion's u-net: %w", err)
	}
	denoiser := func(b *layer.Builder) {
		latents, time := b.Input("latents", tensor.Float32, 1, 4, 64, 64), b.Input("time", tensor.Float32, 1, 320)
		unet.Build(b, latents, time, b.Input("text", tensor.Float32, 1, 77, 768))
	}
	text := func(b *layer.Builder) {
		model.NewCLIPText(49408, 77, 768, 12, 12).Build(b, b.Input("ids", tensor.Int32, 1, 77))
	}
	out := []Reference{{"ViT-B/16", nil}, {"ResNet-50", nil}, {"SD-1.5 U-Net", denoiser}, {"DenseNet-121", nil}, {"MobileNet-v1", nil}, {"CLIP-L text", text}}
	for i, variant := range []string{"vit_base_patch16_224", "resnet50", "", "densenet121", "mobilenet_v1_224"} {
		if variant == "" {
			continue
		}
		v, err := model.Lookup(variant)
		if err != nil {
			return nil, err
		}
		m, err := v.New(model.Options{Classes: 1000})
		if err != nil {
			return nil, err
		}
		in := m.Input()
		out[i].Model = func(b *layer.Builder) {
			m.Head(b, m.Features(b, b.Input("images", tensor.Float32, 1, in.Channels, in.Size, in.Size)))
		}
	}
	return out, nil
}

// stableDiffusion is what config.json says of the structure of Stable Diffusion 1.5's U-Net.
const stableDiffusion = `{
	"_class_name": "UNet2DConditionModel", "sample_size": 64, "in_channels": 4, "out_channels": 4, "act_fn": "silu",
	"down_block_types": ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
	"up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"],
	"block_out_channels": [320, 640, 1280, 1280], "layers_per_block": 2, "cross_attention_dim": 768, "attention_head_dim": 8,
	"norm_num_groups": 32, "norm_eps": 1e-5
}`
