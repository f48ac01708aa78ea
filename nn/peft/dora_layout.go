package peft

import (
	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/nn/checkpoint"
	"github.com/pipe-ml/pipe/nn/layer"
)

// Pack implements Layout.
func (c *DoRA) Pack(s layer.Sites, w *layer.Weights, params map[string]checkpoint.Tensor, config map[string]any) (map[string]checkpoint.Tensor, error) {
	out, err := loraLayout{c.lora(), true}.pack(s, w, params, config)
	return shapeMagnitudes(s, out, peftPrefix, func(out int) []int { return []int{1, out, 1, 1} }), err
}

// Unpack implements Layout.
func (c *DoRA) Unpack(s layer.Sites, w *layer.Weights, tensors map[string]checkpoint.Tensor) (map[string]checkpoint.Tensor, error) {
	out, err := loraLayout{c.lora(), true}.unpack(s, w, tensors)
	return shapeMagnitudes(s, out, "", func(out int) []int { return []int{out} }), err
}

// shapeMagnitudes gives those of convolutions another shape: the library's files have [1, out, 1, 1]. Here they are [out], as a linear map's are, so that
// no weight decay pulls at them.
func shapeMagnitudes(s layer.Sites, tensors map[string]checkpoint.Tensor, prefix string, shape func(out int) []int) map[string]checkpoint.Tensor {
	for _, x := range s.Sites {
		name := prefix + x.Path + "." + doraMagnitude
		if t, ok := tensors[name]; ok && x.Kind == layer.KindConv && accel.Volume(t.Shape) == x.Out {
			t.Shape = shape(x.Out)
			tensors[name] = t
		}
	}
	return tensors
}
