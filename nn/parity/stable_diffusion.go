package main

import (
	"encoding/json"

	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/model"
)

// The families of Stable Diffusion's parts. Their configs are those of diffusers and transformers, which the models read.

// configured reads a case's config into a model.
func configured[M interface{ Validate() error }](m M, config []byte) (M, error) {
	if err := json.Unmarshal(config, m); err != nil {
		return m, err
	}
	return m, m.Validate()
}

// unet predicts from the inputs sample, time (TimeFeatures) and text.
func unet(config []byte) (network, error) {
	m, err := configured(new(model.UNet), config)
	return func(b *layer.Builder, in map[string]*layer.Node) (map[string]*layer.Node, error) {
		return map[string]*layer.Node{"output": m.Build(b, in["sample"], in["time"], in["text"])}, nil
	}, err
}

// clipText maps the input ids to hidden states.
func clipText(config []byte) (network, error) {
	m, err := configured(new(model.CLIPText), config)
	return func(b *layer.Builder, in map[string]*layer.Node) (map[string]*layer.Node, error) {
		return map[string]*layer.Node{"output": m.Build(b, in["ids"])}, nil
	}, err
}

// autoencoder decodes what it encodes of the input images. The latents are mean + noise * logvar, so that gradients reach both
// halves of the moments.
func autoencoder(config []byte) (network, error) {
	m, err := configured(new(model.AutoencoderKL), config)
	return func(b *layer.Builder, in map[string]*layer.Node) (map[string]*layer.Node, error) {
		moments := m.Encode(b, in["images"])
		mean, logvar := b.Slice(moments, 1, 0, m.LatentChannels), b.Slice(moments, 1, m.LatentChannels, m.LatentChannels)
		latents := b.Add(mean, b.Mul(logvar, in["noise"]))
		return map[string]*layer.Node{"output": m.Decode(b, latents)}, nil
	}, err
}
