package peft

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/pipe-ml/pipe/nn/checkpoint"
	"github.com/pipe-ml/pipe/nn/layer"
)

// The layout of LoRA in files is the PEFT library's: base_model.model.PATH.lora_A.weight and lora_B.weight, the head under
// the same prefix. That library cannot change slices of a fused projection, so the n changed slices of one become a
// single change of rank n*r: A is their As below each other, B has each slice's B in its rows and columns and
// zeros elsewhere, and alpha is n*alpha, which keeps the factor and so the function. The kernels of k x k convolutions keep loralib's
// form, which the library does not know: peft_type is then LORALIB.
const peftPrefix = "base_model.model."

// Pack implements Layout.
func (c *LoRA) Pack(s layer.Sites, params map[string]checkpoint.Tensor, config map[string]any) (map[string]checkpoint.Tensor, error) {
	out := map[string]checkpoint.Tensor{}
	targets := []string{}
	ranks, alphas := map[string]int{}, map[string]float64{}
	for n, t := range params {
		out[peftPrefix+n] = t
	}
	for _, x := range s.Sites {
		slices := c.changed(x, func(n string) bool { _, ok := params[n]; return ok })
		if len(slices) > 0 {
			if err := c.fuse(x, slices, out); err != nil {
				return nil, err
			}
			ranks[x.Path], alphas[x.Path] = len(slices)*c.Rank, float64(len(slices))*c.Alpha
		}
		_, plain := params[x.Path+"."+loraA]
		_, kernel := params[x.Path+"."+kernelA]
		if kernel {
			config["peft_type"] = "LORALIB"
		}
		if plain || kernel || len(slices) > 0 {
			targets = append(targets, x.Path)
		}
	}
	maps.Copy(config, map[string]any{
		"r": c.Rank, "lora_alpha": c.Alpha, "lora_dropout": 0.0, "bias": "none", "fan_in_fan_out": false, "inference_mode": true,
		"target_modules": targets, "rank_pattern": ranks, "alpha_pattern": alphas, "task_type": nil, "base_model_name_or_path": nil,
	})
	return out, nil
}

// changed lists the slices of x that have parameters.
func (c *LoRA) changed(x layer.Site, has func(name string) bool) []string {
	var out []string
	for _, sl := range x.Slices {
		if has(x.Path + "." + sl + "." + loraA) {
			out = append(out, sl)
		}
	}
	return out
}

// fuse replaces the matrices of the slices in tensors by one pair for the site.
func (c *LoRA) fuse(x layer.Site, names []string, tensors map[string]checkpoint.Tensor) error {
	rank, rows := len(names)*c.Rank, x.Out/len(x.Slices)
	var a []float32
	b := make([]float32, x.Out*rank)
	for i, sl := range names {
		prefix := peftPrefix + x.Path + "." + sl + "."
		sliceA, err := tensors[prefix+loraA].Float32()
		if err != nil {
			return fmt.Errorf("%s%s: %w", prefix, loraA, err)
		}
		sliceB, err := tensors[prefix+loraB].Float32()
		if err != nil {
			return fmt.Errorf("%s%s: %w", prefix, loraB, err)
		}
		a = append(a, sliceA...)
		first := slices.Index(x.Slices, sl) * rows
		for r := range rows {
			copy(b[(first+r)*rank+i*c.Rank:], sliceB[r*c.Rank:(r+1)*c.Rank])
		}
		delete(tensors, prefix+loraA)
		delete(tensors, prefix+loraB)
	}
	tensors[peftPrefix+x.Path+"."+loraA] = checkpoint.FromFloat32([]int{rank, x.In}, a)
	tensors[peftPrefix+x.Path+"."+loraB] = checkpoint.FromFloat32([]int{x.Out, rank}, b)
	return nil
}

// Unpack implements Layout.
func (c *LoRA) Unpack(s layer.Sites, tensors map[string]checkpoint.Tensor) (map[string]checkpoint.Tensor, error) {
	out := map[string]checkpoint.Tensor{}
	for n, t := range tensors {
		out[strings.TrimPrefix(n, peftPrefix)] = t
	}
	declared := map[string]bool{}
	for _, p := range s.Params {
		declared[p.Name] = true
	}
	for _, x := range s.Sites {
		if names := c.changed(x, func(n string) bool { return declared[n] }); len(names) > 0 {
			if err := c.split(x, names, out); err != nil {
				return nil, fmt.Errorf("%s: %w", x.Path, err)
			}
		}
	}
	return out, nil
}

// split is the inverse of fuse. Numbers outside the slices' blocks must be zero.
func (c *LoRA) split(x layer.Site, names []string, tensors map[string]checkpoint.Tensor) error {
	rank, rows := len(names)*c.Rank, x.Out/len(x.Slices)
	ta, tb := tensors[x.Path+"."+loraA], tensors[x.Path+"."+loraB]
	if !slices.Equal(ta.Shape, []int{rank, x.In}) || !slices.Equal(tb.Shape, []int{x.Out, rank}) {
		return fmt.Errorf("lora_A %v and lora_B %v, want [%d %d] and [%d %d]", ta.Shape, tb.Shape, rank, x.In, x.Out, rank)
	}
	a, err := ta.Float32()
	if err != nil {
		return err
	}
	b, err := tb.Float32()
	if err != nil {
		return err
	}
	for i, sl := range names {
		first := slices.Index(x.Slices, sl) * rows
		part := make([]float32, 0, rows*c.Rank)
		for r := range rows {
			at := (first+r)*rank + i*c.Rank
			part = append(part, b[at:at+c.Rank]...)
			clear(b[at : at+c.Rank])
		}
		prefix := x.Path + "." + sl + "."
		tensors[prefix+loraA] = checkpoint.FromFloat32([]int{c.Rank, x.In}, a[i*c.Rank*x.In:(i+1)*c.Rank*x.In])
		tensors[prefix+loraB] = checkpoint.FromFloat32([]int{rows, c.Rank}, part)
	}
	if slices.ContainsFunc(b, func(v float32) bool { return v != 0 }) {
		return fmt.Errorf("the change reaches beyond %s", strings.Join(names, ", "))
	}
	delete(tensors, x.Path+"."+loraA)
	delete(tensors, x.Path+"."+loraB)
	return nil
}

// foreignOptions reads the adapter_config.json of the PEFT library: plain LoRA with one rank.
func foreignOptions(path string) (Options, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return Options{}, err
	}
	var c struct {
		Type      string             `json:"peft_type"`
		Rank      int                `json:"r"`
		Alpha     float64            `json:"lora_alpha"`
		Bias      string             `json:"bias"`
		Targets   any                `json:"target_modules"`
		Ranks     map[string]int     `json:"rank_pattern"`
		Alphas    map[string]float64 `json:"alpha_pattern"`
		RSLoRA    bool               `json:"use_rslora"`
		DoRA      bool               `json:"use_dora"`
		FanInOut  bool               `json:"fan_in_fan_out"`
		Layers    any                `json:"layers_to_transform"`
		Megatron  any                `json:"megatron_config"`
		Trainable any                `json:"trainable_token_indices"`
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return Options{}, fmt.Errorf("%s: %w", path, err)
	}
	targets, list := c.Targets.([]any)
	switch {
	case c.Type != "LORA":
		return Options{}, fmt.Errorf("%s: peft_type %q of another program cannot be read, only LORA", path, c.Type)
	case !list:
		return Options{}, fmt.Errorf("%s: target_modules must be a list", path)
	case c.RSLoRA || c.DoRA || c.FanInOut || c.Bias != "" && c.Bias != "none" || len(c.Ranks)+len(c.Alphas) > 0 ||
		c.Layers != nil || c.Megatron != nil || c.Trainable != nil:
		return Options{}, fmt.Errorf("%s: only plain LoRA of one rank can be read: no DoRA, rsLoRA, biases, patterns or layer lists", path)
	}
	return Options{Method: "lora", Config: map[string]any{"rank": c.Rank, "alpha": c.Alpha, "targets": targets}}, nil
}
