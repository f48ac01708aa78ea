package peft

import (
	"maps"
	"slices"
	"strings"

	"github.com/pipe-ml/pipe/nn/checkpoint"
	"github.com/pipe-ml/pipe/nn/layer"
)

// textRoot begins all names of a CLIP text encoder. A CLIPTextModel of transformers 5 has no module of that name, so files leave it out: their
// tensors are that library's, and a target such as encoder.layers.0.self_attn.q_proj is found in older ones too, by its end.
const textRoot = "text_model."

// OfCLIPText tells whether a file's name, without the PEFT library's prefix, is of a CLIP text encoder, of transformers 4 or 5.
func OfCLIPText(name string) bool {
	return strings.HasPrefix(name, textRoot) || strings.HasPrefix(name, "encoder.layers.") || strings.HasPrefix(name, "embeddings.")
}

// isCLIPText tells whether the network is a CLIP text encoder.
func isCLIPText(s layer.Sites) bool {
	return len(s.Params) > 0 && !slices.ContainsFunc(s.Params, func(p layer.Param) bool { return !strings.HasPrefix(p.Name, textRoot) })
}

// unrooted is a name in files.
func unrooted(name string) string {
	if rest, ok := strings.CutPrefix(name, peftPrefix); ok {
		return peftPrefix + strings.TrimPrefix(rest, textRoot)
	}
	return strings.TrimPrefix(name, textRoot)
}

// withoutRoot takes the root out of a file's tensors and of adapter_config.json.
func withoutRoot(tensors map[string]checkpoint.Tensor, config map[string]any) map[string]checkpoint.Tensor {
	for key, v := range config {
		switch v := v.(type) {
		case []string:
			for i := range v {
				v[i] = unrooted(v[i])
			}
		case map[string]int:
			config[key] = renamed(v, unrooted)
		case map[string]float64:
			config[key] = renamed(v, unrooted)
		}
	}
	return renamed(tensors, unrooted)
}

// withRoot is the inverse for tensors, be they of transformers 4 or 5. What VeRA's layers share lies outside of the library's model, without root.
func withRoot(tensors map[string]checkpoint.Tensor) map[string]checkpoint.Tensor {
	return renamed(tensors, func(name string) string {
		name = unrooted(name)
		if rest, ok := strings.CutPrefix(name, peftPrefix); ok {
			return peftPrefix + textRoot + rest
		}
		if strings.HasPrefix(name, veraPrefix) {
			return name
		}
		return textRoot + name
	})
}

func renamed[V any](m map[string]V, name func(string) string) map[string]V {
	out := make(map[string]V, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out[name(k)] = m[k]
	}
	return out
}
