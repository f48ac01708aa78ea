package checkpoint

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
)

// ReadTFJS reads the weights of a TensorFlow.js layers model: dir/model.json and the shards it lists. Names are Keras'
// ("conv1/kernel"). Layouts are turned into ours: convolution kernels HWIO to [O, I, H, W], depthwise ones
// [H, W, C, M] to [C*M, 1, H, W], dense ones [in, out] to [out, in].
//
// Weights whose shards are not there come back in missing, in the order of model.json; what to make of them is the caller's
// decision. A shard of the wrong size is an error.
func ReadTFJS(dir string) (tensors map[string]Tensor, missing []string, err error) {
	groups, err := tfjsManifest(filepath.Join(dir, "model.json"))
	if err != nil {
		return nil, nil, err
	}
	tensors = map[string]Tensor{}
	for _, g := range groups {
		raw, err := g.read(dir)
		if errors.Is(err, fs.ErrNotExist) {
			for _, w := range g.Weights {
				missing = append(missing, w.Name)
			}
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		for _, w := range g.Weights {
			n := 4 * volume(w.Shape)
			t := Tensor{F32, w.Shape, raw[:n]}
			raw = raw[n:]
			if tensors[w.Name], err = fromKeras(w.Name, t); err != nil {
				return nil, nil, err
			}
		}
	}
	return tensors, missing, nil
}

// tfjsGroup is an entry of the weightsManifest: weights that lie one after the other in the concatenation of the shards.
type tfjsGroup struct {
	Paths   []string `json:"paths"`
	Weights []struct {
		Name         string          `json:"name"`
		Shape        []int           `json:"shape"`
		DType        string          `json:"dtype"`
		Quantization json.RawMessage `json:"quantization"`
	} `json:"weights"`
}

func tfjsManifest(path string) ([]tfjsGroup, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var m struct {
		Manifest []tfjsGroup `json:"weightsManifest"`
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(m.Manifest) == 0 {
		return nil, fmt.Errorf("%s: no weightsManifest: not a TensorFlow.js layers model", path)
	}
	seen := map[string]bool{}
	for _, g := range m.Manifest {
		for _, w := range g.Weights {
			switch {
			case w.DType != "float32" || len(w.Quantization) > 0:
				return nil, fmt.Errorf("%s: %s is %s or quantized, only plain float32 can be read", path, w.Name, w.DType)
			case volume(w.Shape) < 0:
				return nil, fmt.Errorf("%s: %s has the impossible shape %v", path, w.Name, w.Shape)
			case seen[w.Name]:
				return nil, fmt.Errorf("%s: %s occurs twice", path, w.Name)
			}
			seen[w.Name] = true
		}
		for _, p := range g.Paths {
			if !filepath.IsLocal(p) {
				return nil, fmt.Errorf("%s: shard %q lies outside the folder", path, p)
			}
		}
	}
	return m.Manifest, nil
}

// read returns the group's bytes; fs.ErrNotExist if any shard is missing.
func (g tfjsGroup) read(dir string) ([]byte, error) {
	var raw []byte
	for _, p := range g.Paths {
		b, err := os.ReadFile(filepath.Join(dir, p))
		if err != nil {
			return nil, err
		}
		raw = append(raw, b...)
	}
	want := 0
	for _, w := range g.Weights {
		want += 4 * volume(w.Shape)
	}
	if len(raw) != want {
		return nil, fmt.Errorf("%s: %d bytes, its weights take %d", filepath.Join(dir, strings.Join(g.Paths, ", ")), len(raw), want)
	}
	return raw, nil
}

// fromKeras turns a weight's layout into ours by its Keras name and rank.
func fromKeras(name string, t Tensor) (Tensor, error) {
	s := t.Shape
	switch last := name[strings.LastIndex(name, "/")+1:]; {
	case last == "depthwise_kernel" && len(s) == 4: // [H, W, C, M]: output channel c*M + m
		t = transpose(t, 2, 3, 0, 1)
		t.Shape = []int{s[2] * s[3], 1, s[0], s[1]}
	case last == "kernel" && len(s) == 4: // [H, W, I, O]
		t = transpose(t, 3, 2, 0, 1)
	case last == "kernel" && len(s) == 2:
		t = transpose(t, 1, 0)
	case strings.HasSuffix(last, "kernel"):
		return Tensor{}, fmt.Errorf("%s: a kernel of shape %v is not known here", name, s)
	}
	return t, nil
}

// transpose permutes the dimensions of a float32 tensor: dimension i of the result is perm[i] of t.
func transpose(t Tensor, perm ...int) Tensor {
	shape, stride := make([]int, len(perm)), make([]int, len(perm))
	step := 1
	strides := make([]int, len(perm))
	for i := len(perm) - 1; i >= 0; i-- {
		strides[i] = step
		step *= t.Shape[i]
	}
	for i, p := range perm {
		shape[i], stride[i] = t.Shape[p], strides[p]
	}
	out := Tensor{t.DType, shape, make([]byte, len(t.Data))}
	at := make([]int, len(perm))
	for i := range t.Len() {
		src := 0
		for d := range at {
			src += at[d] * stride[d]
		}
		copy(out.Data[4*i:4*i+4], t.Data[4*src:])
		for d := len(at) - 1; d >= 0; d-- {
			if at[d]++; at[d] < shape[d] {
				break
			}
			at[d] = 0
		}
	}
	return out
}

// volume is the number of elements of a shape, -1 if it is negative or beyond 2^31.
func volume(shape []int) int {
	n := 1
	for _, d := range shape {
		if d < 0 || d > math.MaxInt32 {
			return -1
		}
		if n *= d; n > math.MaxInt32 {
			return -1
		}
	}
	return n
}
