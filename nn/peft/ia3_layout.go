package peft

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pipe-ml/pipe/nn/checkpoint"
	"github.com/pipe-ml/pipe/nn/layer"
)

// The layout of (IA)3 in files is the PEFT library's: base_model.model.PATH.ia3_l, [out, 1] of keys and values and [1, in] of a feed-forward's
// last map, the head under the same prefix. That library cannot scale slices of a fused projection: their vectors become one
// of the whole, with ones for the queries.

// Pack implements Layout.
func (c *IA3) Pack(s layer.Sites, _ *layer.Weights, params map[string]checkpoint.Tensor, config map[string]any) (map[string]checkpoint.Tensor, error) {
	out := map[string]checkpoint.Tensor{}
	for n, t := range params {
		out[peftPrefix+n] = t
	}
	scaled, inputs := c.places(s)
	modules, feedForwards := []string{}, []string{}
	for _, x := range inputs {
		name := peftPrefix + x.Path + "." + ia3Vector
		if t, ok := out[name]; ok {
			out[name] = shaped(t, 1, x.In)
			modules, feedForwards = append(modules, x.Path), append(feedForwards, x.Path)
		}
	}
	for _, t := range scaled {
		part, ok := params[t.path()+"."+ia3Vector]
		if !ok {
			continue
		}
		name := peftPrefix + t.site.Path + "." + ia3Vector
		if t.slice == "" {
			out[name] = shaped(part, t.site.Out, 1)
		} else if err := fuseVector(t, part, name, out); err != nil {
			return nil, fmt.Errorf("%s: %w", t.path(), err)
		}
		if !slices.Contains(modules, t.site.Path) {
			modules = append(modules, t.site.Path)
		}
	}
	maps.Copy(config, map[string]any{
		"target_modules": modules, "feedforward_modules": feedForwards, "fan_in_fan_out": false, "inference_mode": true, "init_ia3_weights": true,
		"task_type": nil, "base_model_name_or_path": nil,
	})
	return out, nil
}

func shaped(t checkpoint.Tensor, shape ...int) checkpoint.Tensor {
	t.Shape = shape
	return t
}

// fuseVector moves the vector of a slice into that of the whole site, which begins as ones.
func fuseVector(t target, part checkpoint.Tensor, name string, tensors map[string]checkpoint.Tensor) error {
	v, err := part.Float32()
	if err != nil {
		return err
	}
	whole := slices.Repeat([]float32{1}, t.site.Out)
	if begun, ok := tensors[name]; ok {
		if whole, err = begun.Float32(); err != nil {
			return err
		}
	}
	copy(whole[slices.Index(t.site.Slices, t.slice)*len(v):], v)
	tensors[name] = checkpoint.FromFloat32([]int{t.site.Out, 1}, whole)
	delete(tensors, peftPrefix+t.path()+"."+ia3Vector)
	return nil
}

// Unpack implements Layout.
func (c *IA3) Unpack(s layer.Sites, _ *layer.Weights, tensors map[string]checkpoint.Tensor) (map[string]checkpoint.Tensor, error) {
	out := map[string]checkpoint.Tensor{}
	for n, t := range tensors {
		out[strings.TrimPrefix(n, peftPrefix)] = t
	}
	scaled, inputs := c.places(s)
	for _, x := range inputs {
		unfold(out, x, 1, x.In)
	}
	wholes := map[string][]float32{}
	for _, t := range scaled {
		name := t.site.Path + "." + ia3Vector
		unfold(out, t.site, t.site.Out, 1)
		whole, ok := out[name]
		if t.slice == "" || !ok && wholes[name] == nil {
			continue
		}
		if wholes[name] == nil {
			v, err := whole.Float32()
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			if !slices.Equal(whole.Shape, []int{t.site.Out, 1}) {
				return nil, fmt.Errorf("%s has shape %v, want [%d 1]", name, whole.Shape, t.site.Out)
			}
			wholes[name] = slices.Clone(v)
			delete(out, name)
		}
		n := t.outputs()
		part := wholes[name][slices.Index(t.site.Slices, t.slice)*n:][:n]
		out[t.path()+"."+ia3Vector] = checkpoint.FromFloat32([]int{n}, slices.Clone(part))
		for i := range part {
			part[i] = 1
		}
	}
	for _, name := range sortedKeys(wholes) {
		if slices.ContainsFunc(wholes[name], func(v float32) bool { return v != 1 }) {
			return nil, fmt.Errorf("%s scales more than keys and values", name)
		}
	}
	return out, nil
}

// unfold gives the vector of a site its one dimension, if it has the two that it should have in the file.
func unfold(tensors map[string]checkpoint.Tensor, x layer.Site, rows, cols int) {
	name := x.Path + "." + ia3Vector
	if t, ok := tensors[name]; ok && slices.Equal(t.Shape, []int{rows, cols}) && len(x.Slices) == 0 {
		tensors[name] = shaped(t, rows*cols)
	}
}
