package peft

import (
	"maps"
	"strings"

	"github.com/pipe-ml/pipe/nn/checkpoint"
	"github.com/pipe-ml/pipe/nn/layer"
)

// The layout of VeRA in files is the PEFT library's: base_model.model.PATH.vera_lambda_d and vera_lambda_b, the head under the same prefix,
// base_model.vera_A and vera_B. Slices of a fused projection are unknown to it: peft_type is then VERA_SLICES.

const veraPrefix = "base_model."

// Pack implements Layout.
func (c *VeRA) Pack(s layer.Sites, _ *layer.Weights, params map[string]checkpoint.Tensor, config map[string]any) (map[string]checkpoint.Tensor, error) {
	out := map[string]checkpoint.Tensor{}
	modules := []string{}
	for n, t := range params {
		out[peftPrefix+n] = t
	}
	for file, n := range veraShared(s) {
		delete(out, peftPrefix+n)
		out[file] = params[n]
	}
	for _, x := range s.Sites {
		for _, t := range targets(x) {
			if _, ok := params[t.path()+"."+veraD]; !ok {
				continue
			}
			modules = append(modules, t.path())
			if t.slice != "" {
				config["peft_type"] = "VERA_SLICES"
			}
		}
	}
	maps.Copy(config, map[string]any{
		"r": c.Rank, "d_initial": c.Initial, "target_modules": modules, "vera_dropout": 0., "save_projection": true, "projection_prng_key": 0,
		"bias": "none", "fan_in_fan_out": false, "inference_mode": true, "init_weights": true, "task_type": nil, "base_model_name_or_path": nil,
	})
	return out, nil
}

// Unpack implements Layout.
func (c *VeRA) Unpack(s layer.Sites, _ *layer.Weights, tensors map[string]checkpoint.Tensor) (map[string]checkpoint.Tensor, error) {
	out := map[string]checkpoint.Tensor{}
	shared := veraShared(s)
	for n, t := range tensors {
		if ours, ok := shared[n]; ok {
			n = ours
		}
		out[strings.TrimPrefix(n, peftPrefix)] = t
	}
	return out, nil
}

// veraShared are the network's names of A and B by those in files.
func veraShared(s layer.Sites) map[string]string {
	names := map[string]string{}
	for _, p := range s.Params {
		if i := strings.LastIndex(p.Name, ".") + 1; p.Added && p.Buffer && i > 0 {
			names[veraPrefix+p.Name[i:]] = p.Name
		}
	}
	return names
}
