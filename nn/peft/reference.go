package peft

import (
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
	unet, err := model.StableDiffusion()
	if err != nil {
		return nil, err
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
