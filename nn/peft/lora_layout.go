package peft

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/pipe-ml/pipe/nn/checkpoint"
	"github.com/pipe-ml/pipe/nn/layer"
)

// loraLayout is the layout of LoRA and DoRA in files, the PEFT library's: base_model.model.PATH.lora_A.weight, lora_B.weight and
// lora_magnitude_vector, the head under the same prefix. That library cannot change slices of a fused projection, so the n changed slices of one
// become a single change of rank n*r: A is their As below each other, B has each slice's B in its rows and columns and
// zeros elsewhere, and alpha is n*alpha, which keeps the factor and so the function; the magnitudes of other rows are the base's. Kernels of k x k
// convolutions in loralib's form, and slices whose factors differ, are unknown to the library: they keep our names, and peft_type is then LORALIB.
type loraLayout struct {
	*LoRA
	dora bool
}

const peftPrefix = "base_model.model."

// Pack implements Layout.
func (c *LoRA) Pack(s layer.Sites, w *layer.Weights, params map[string]checkpoint.Tensor, config map[string]any) (map[string]checkpoint.Tensor, error) {
	return loraLayout{c, false}.pack(s, w, params, config)
}

// Unpack implements Layout.
func (c *LoRA) Unpack(s layer.Sites, w *layer.Weights, tensors map[string]checkpoint.Tensor) (map[string]checkpoint.Tensor, error) {
	return loraLayout{c, false}.unpack(s, w, tensors)
}

func (c loraLayout) pack(s layer.Sites, w *layer.Weights, params map[string]checkpoint.Tensor, config map[string]any) (map[string]checkpoint.Tensor, error) {
	out := map[string]checkpoint.Tensor{}
	targets := []string{}
	ranks, alphas := map[string]int{}, map[string]float64{}
	for n, t := range params {
		out[peftPrefix+n] = t
	}
	add := func(path string, rank int, alpha float64) {
		targets = append(targets, path)
		if rank != c.Rank {
			ranks[path] = rank
		}
		if alpha != c.Alpha {
			alphas[path] = alpha
		}
	}
	for _, x := range s.Sites {
		names := c.changed(x, params)
		_, kernel := params[x.Path+"."+kernelA]
		_, plain := params[x.Path+"."+loraA]
		rank, alpha, one := c.fused(x, names)
		switch {
		case one:
			if err := c.fuse(x, w, names, rank, out); err != nil {
				return nil, fmt.Errorf("%s: %w", x.Path, err)
			}
			add(x.Path, rank, alpha)
		case kernel || plain:
			add(x.Path, c.rank(x.Path), c.alpha(x.Path))
		default:
			for _, sl := range names {
				path := x.Path + "." + sl
				add(path, c.rank(path), c.alpha(path))
			}
		}
		if kernel || len(names) > 0 && !one {
			config["peft_type"] = "LORALIB"
		}
	}
	maps.Copy(config, map[string]any{
		"r": c.Rank, "lora_alpha": c.Alpha, "lora_dropout": c.Dropout, "bias": "none", "fan_in_fan_out": false, "inference_mode": true,
		"use_rslora": c.RSLoRA, "use_dora": c.dora, "target_modules": targets, "rank_pattern": ranks, "alpha_pattern": alphas,
		"task_type": nil, "base_model_name_or_path": nil,
	})
	return out, nil
}

// changed lists the slices of x that have parameters.
func (c loraLayout) changed(x layer.Site, params map[string]checkpoint.Tensor) []string {
	return slices.DeleteFunc(slices.Clone(x.Slices), func(sl string) bool {
		_, ok := params[x.Path+"."+sl+"."+loraA]
		return !ok
	})
}

// fused is the rank and the alpha of the single change that stands for those of the slices; there is none if their factors differ.
func (c loraLayout) fused(x layer.Site, names []string) (rank int, alpha float64, ok bool) {
	if len(names) == 0 {
		return 0, 0, false
	}
	first, scale := c.size(x.Path + "." + names[0])
	for _, sl := range names {
		r, s := c.size(x.Path + "." + sl)
		if s != scale {
			return 0, 0, false
		}
		rank += r
	}
	alpha = c.alpha(x.Path + "." + names[0])
	if c.RSLoRA {
		return rank, scale * math.Sqrt(float64(rank)), true
	}
	return rank, alpha * float64(rank) / float64(first), true
}

// fuse replaces the matrices of the slices in tensors by one pair for the site.
func (c loraLayout) fuse(x layer.Site, w *layer.Weights, names []string, rank int, tensors map[string]checkpoint.Tensor) error {
	rows := x.Out / len(x.Slices)
	var a []float32
	b, magnitude := make([]float32, x.Out*rank), rowNorms(w.Read(x.Path+".weight"), x.Out)
	take := func(name string) ([]float32, error) {
		defer delete(tensors, name)
		v, err := tensors[name].Float32()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		return v, nil
	}
	for _, sl := range names {
		prefix, first := peftPrefix+x.Path+"."+sl+".", slices.Index(x.Slices, sl)*rows
		sliceA, err := take(prefix + loraA)
		if err != nil {
			return err
		}
		sliceB, err := take(prefix + loraB)
		if err != nil {
			return err
		}
		if c.dora {
			m, err := take(prefix + doraMagnitude)
			if err != nil {
				return err
			}
			copy(magnitude[first:], m)
		}
		r, at := len(sliceA)/x.In, len(a)/x.In
		a = append(a, sliceA...)
		for i := range rows {
			copy(b[(first+i)*rank+at:], sliceB[i*r:(i+1)*r])
		}
	}
	tensors[peftPrefix+x.Path+"."+loraA] = checkpoint.FromFloat32([]int{rank, x.In}, a)
	tensors[peftPrefix+x.Path+"."+loraB] = checkpoint.FromFloat32([]int{x.Out, rank}, b)
	if c.dora {
		tensors[peftPrefix+x.Path+"."+doraMagnitude] = checkpoint.FromFloat32([]int{x.Out}, magnitude)
	}
	return nil
}

func (c loraLayout) unpack(s layer.Sites, w *layer.Weights, tensors map[string]checkpoint.Tensor) (map[string]checkpoint.Tensor, error) {
	out, declared := map[string]checkpoint.Tensor{}, map[string]checkpoint.Tensor{}
	for n, t := range tensors {
		out[strings.TrimPrefix(n, peftPrefix)] = t
	}
	for _, p := range s.Params {
		declared[p.Name] = checkpoint.Tensor{}
	}
	for _, x := range s.Sites {
		names := c.changed(x, declared)
		if rank, _, one := c.fused(x, names); one {
			if err := c.split(x, w, names, rank, out); err != nil {
				return nil, fmt.Errorf("%s: %w", x.Path, err)
			}
		}
	}
	return out, nil
}

// split is the inverse of fuse. Numbers outside the slices' blocks must be zero, or the base's.
func (c loraLayout) split(x layer.Site, w *layer.Weights, names []string, rank int, tensors map[string]checkpoint.Tensor) error {
	var err error
	rows := x.Out / len(x.Slices)
	take := func(name string, shape ...int) []float32 {
		full := x.Path + "." + name
		defer delete(tensors, full)
		t := tensors[full]
		v, bad := t.Float32()
		switch {
		case err != nil:
		case !slices.Equal(t.Shape, shape):
			err = fmt.Errorf("%s has the shape %v, want %v", name, t.Shape, shape)
		default:
			err = bad
		}
		return v
	}
	a, b := take(loraA, rank, x.In), take(loraB, x.Out, rank)
	var magnitude []float32
	if c.dora {
		magnitude = take(doraMagnitude, x.Out)
	}
	if err != nil {
		return err
	}
	base := rowNorms(w.Read(x.Path+".weight"), x.Out)
	at := 0
	for _, sl := range names {
		r, _ := c.size(x.Path + "." + sl)
		first := slices.Index(x.Slices, sl) * rows
		part := make([]float32, 0, rows*r)
		for i := range rows {
			from := (first+i)*rank + at
			part = append(part, b[from:from+r]...)
			clear(b[from : from+r])
		}
		prefix := x.Path + "." + sl + "."
		tensors[prefix+loraA] = checkpoint.FromFloat32([]int{r, x.In}, a[at*x.In:(at+r)*x.In])
		tensors[prefix+loraB] = checkpoint.FromFloat32([]int{rows, r}, part)
		if c.dora {
			tensors[prefix+doraMagnitude] = checkpoint.FromFloat32([]int{rows}, slices.Clone(magnitude[first:first+rows]))
			copy(magnitude[first:], base[first:first+rows])
		}
		at += r
	}
	if slices.ContainsFunc(b, func(v float32) bool { return v != 0 }) || c.dora && !slices.Equal(magnitude, base) {
		return fmt.Errorf("the change reaches beyond %s", strings.Join(names, ", "))
	}
	return nil
}
