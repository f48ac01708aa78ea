package checkpoint

import "strings"

// AutoencoderKLFromDiffusers renames the tensors of diffusers' AutoencoderKL to those of nn/model's, which are those that diffusers
// has had since 0.15: files of before call the middle attention's maps query, key, value and proj_attn, and some hold
// them as 1x1 convolutions.
func AutoencoderKLFromDiffusers(tensors map[string]Tensor) map[string]Tensor {
	maps := map[string]string{"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}
	out := make(map[string]Tensor, len(tensors))
	for name, t := range tensors {
		if at, rest, ok := strings.Cut(name, ".mid_block.attentions.0."); ok {
			path, param, _ := strings.Cut(rest, ".")
			if new, old := maps[path]; old {
				name = at + ".mid_block.attentions.0." + new + "." + param
				if len(t.Shape) == 4 && t.Shape[2] == 1 && t.Shape[3] == 1 {
					t.Shape = t.Shape[:2:2]
				}
			}
		}
		out[name] = t
	}
	return out
}
