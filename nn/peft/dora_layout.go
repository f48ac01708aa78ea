package peft

import (
	"github.com/pipe-ml/pipe/nn/checkpoint"
	"github.com/pipe-ml/pipe/nn/layer"
)

// Pack implements Layout.
func (c *DoRA) Pack(s layer.Sites, w *layer.Weights, params map[string]checkpoint.Tensor, config map[string]any) (map[string]checkpoint.Tensor, error) {
	return loraLayout{c.lora(), true}.pack(s, w, params, config)
}

// Unpack implements Layout.
func (c *DoRA) Unpack(s layer.Sites, w *layer.Weights, tensors map[string]checkpoint.Tensor) (map[string]checkpoint.Tensor, error) {
	return loraLayout{c.lora(), true}.unpack(s, w, tensors)
}
