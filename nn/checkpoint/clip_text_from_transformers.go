package checkpoint

import "strings"

// CLIPTextFromTransformers returns the tensors of nn/model's CLIPText without its projection from those of transformers' CLIPTextModel,
// CLIPTextModelWithProjection or CLIPModel. transformers 4 also saved the positions' own numbers, and a CLIPTextModel of
// transformers 5 has paths without "text_model".
func CLIPTextFromTransformers(tensors map[string]Tensor) map[string]Tensor {
	out := make(map[string]Tensor, len(tensors))
	for name, t := range tensors {
		path, _, _ := strings.Cut(name, ".")
		switch path {
		case "text_projection", "vision_model", "visual_projection", "logit_scale":
			continue
		case "embeddings", "encoder", "final_layer_norm":
			name = "text_model." + name
		}
		if name != "text_model.embeddings.position_ids" {
			out[name] = t
		}
	}
	return out
}
