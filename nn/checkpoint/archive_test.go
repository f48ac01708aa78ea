package checkpoint_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"gorgonia.org/gorgonia"

	"github.com/pipe-ml/pipe/nn/checkpoint"
	"github.com/pipe-ml/pipe/nn/layer"
)

// one is a tensor of a single value.
func one(v float32) checkpoint.Tensor { return checkpoint.FromFloat32([]int{1}, []float32{v}) }

// write writes files into a new folder: bytes as they are, tensors as safetensors, anything else as JSON.
func write(t *testing.T, files map[string]any) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		var err error
		switch c := content.(type) {
		case map[string]checkpoint.Tensor:
			err = checkpoint.Write(path, c, nil)
		case []byte:
			err = os.WriteFile(path, c, 0o600)
		default:
			var raw []byte
			if raw, err = json.Marshal(c); err == nil {
				err = os.WriteFile(path, raw, 0o600)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// shards is a checkpoint in two files with its index.
func shards() map[string]any {
	return map[string]any{
		"model-00001-of-00002.safetensors": map[string]checkpoint.Tensor{"a": one(1), "b": one(2)},
		"model-00002-of-00002.safetensors": map[string]checkpoint.Tensor{"c": one(3)},
		"model.safetensors.index.json": map[string]any{
			"metadata": map[string]any{"total_size": 12},
			"weight_map": map[string]string{
				"a": "model-00001-of-00002.safetensors", "b": "model-00001-of-00002.safetensors", "c": "model-00002-of-00002.safetensors",
			},
		},
	}
}

func TestShardsReadAsOneFile(t *testing.T) {
	a, err := checkpoint.OpenArchive(write(t, shards()))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]float32{"a": 1, "b": 2, "c": 3} {
		if v, err := a.Tensors[name].Float32(); err != nil || v[0] != want {
			t.Errorf("%s: %v, %v", name, v, err)
		}
	}
	if len(a.Tensors) != 3 || len(a.Files) != 3 || !strings.HasSuffix(a.Files[0], "index.json") {
		t.Errorf("%d tensors of %v", len(a.Tensors), a.Files)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}

func TestAnIndexThatDoesNotFitItsShardsIsRefused(t *testing.T) {
	const first, second = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
	index := func(list map[string]string) map[string]any { return map[string]any{"weight_map": list} }
	for want, change := range map[string]func(files map[string]any){
		"there is no " + second: func(f map[string]any) { delete(f, second) },
		"c in " + second + " is not listed": func(f map[string]any) {
			f["model.safetensors.index.json"] = index(map[string]string{"a": first, "b": first, "d": second})
		},
		"d is not in " + second: func(f map[string]any) {
			f["model.safetensors.index.json"] = index(map[string]string{"a": first, "b": first, "c": second, "d": second})
		},
		"b is in " + second + ", listed for " + first: func(f map[string]any) {
			f[second] = map[string]checkpoint.Tensor{"b": one(9), "c": one(3)}
		},
		"which is no file beside the index": func(f map[string]any) {
			f["model.safetensors.index.json"] = index(map[string]string{"a": "../" + first})
		},
		"a occurs twice": func(f map[string]any) {
			f["model.safetensors.index.json"] = []byte(`{"weight_map":{"a":"x.safetensors","a":"y.safetensors"}}`)
		},
		"no weight_map":                func(f map[string]any) { f["model.safetensors.index.json"] = []byte(`{"metadata":{}}`) },
		"not a valid safetensors file": func(f map[string]any) { f[first] = []byte("garbage of some length") },
		"it is empty":                  func(f map[string]any) { f[first] = []byte{} },
		"convert it once": func(f map[string]any) {
			f["model.safetensors.index.json"] = index(map[string]string{"a": "pytorch_model-00001-of-00001.bin"})
		},
	} {
		files := shards()
		change(files)
		if _, err := checkpoint.OpenArchive(write(t, files)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestTheWeightsOfAFolderAreFound(t *testing.T) {
	x := map[string]checkpoint.Tensor{"x": one(1)}
	for _, c := range []struct {
		files []string
		want  string // base name, or a part of the error
	}{
		{[]string{"model.safetensors", "model.fp16.safetensors", "pytorch_model.bin"}, "model.safetensors"},
		{[]string{"diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.non_ema.safetensors"}, "diffusion_pytorch_model.safetensors"},
		{[]string{"resnet50-11ad3fa6.safetensors"}, "resnet50-11ad3fa6.safetensors"},
		{[]string{"a.safetensors", "b.safetensors"}, "several files with weights, a.safetensors, b.safetensors"},
		{[]string{"resnet50-11ad3fa6.pth"}, "convert it once"},
		{[]string{"config.json"}, "holds no weights"},
	} {
		files := map[string]any{}
		for _, f := range c.files {
			files[f] = x
		}
		a, err := checkpoint.OpenArchive(write(t, files))
		if err != nil {
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v: %v", c.files, err)
			}
			continue
		}
		if got := filepath.Base(a.Files[0]); got != c.want || len(a.Files) != 1 {
			t.Errorf("%v: chose %s, want %s", c.files, got, c.want)
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestAPickleIsRefusedWithTheCommandThatConvertsIt(t *testing.T) {
	for _, c := range []struct {
		files []string
		want  string // words behind the program
	}{
		{[]string{"/m/pytorch_model.bin"}, "' /m/pytorch_model.bin /m/model.safetensors"},
		{[]string{"/m/resnet50-11ad3fa6.pth"}, "' /m/resnet50-11ad3fa6.pth /m/resnet50-11ad3fa6.safetensors"},
		{[]string{"/m/pytorch_model-00001-of-00002.bin", "/m/pytorch_model-00002-of-00002.bin"},
			"' /m/pytorch_model-00001-of-00002.bin /m/pytorch_model-00002-of-00002.bin /m/model.safetensors"},
		{[]string{"it's here/v1-5 $x.CKPT"}, `' 'it'\''s here/v1-5 $x.CKPT' 'it'\''s here/v1-5 $x.safetensors'`},
	} {
		err := &checkpoint.PickleError{Files: c.files}
		command := err.Command()
		if !strings.HasPrefix(command, "python3 -c 'import sys, torch") || !strings.HasSuffix(command, c.want) || strings.Contains(command, "\n") {
			t.Errorf("%v: %s", c.files, command)
		}
		if !strings.HasSuffix(err.Error(), "\n"+command) {
			t.Errorf("the error does not end with the command: %v", err)
		}
	}
	path := filepath.Join(write(t, map[string]any{"w.pt": []byte("PK")}), "w.pt")
	var refused *checkpoint.PickleError
	if _, err := checkpoint.OpenArchive(path); !errors.As(err, &refused) || !strings.Contains(err.Error(), refused.Command()) {
		t.Errorf("error %v", err)
	}
	converted := strings.TrimSuffix(path, ".pt") + ".safetensors"
	if err := os.WriteFile(converted, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := checkpoint.OpenArchive(path); !errors.As(err, &refused) || !strings.HasSuffix(err.Error(), "its conversion lies beside it, give "+converted) {
		t.Errorf("beside its conversion: %v", err)
	}
}

// unaligned writes x as a file whose data begin at an odd byte, as old writers did.
func unaligned(t *testing.T, x checkpoint.Tensor) string {
	t.Helper()
	header, err := json.Marshal(map[string]any{"x": map[string]any{"dtype": x.DType, "shape": x.Shape, "data_offsets": []int{0, len(x.Data)}}})
	if err != nil {
		t.Fatal(err)
	}
	for len(header)%4 != 1 {
		header = append(header, ' ')
	}
	raw := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return write(t, map[string]any{"model.safetensors": slices.Concat(raw, header, x.Data)})
}

func TestValuesAreTheSameFromEveryTypeAndAlignment(t *testing.T) {
	want := []float32{1, -2.5, 0, 65504, float32(math.Inf(-1))}
	shape := []int{len(want)}
	f64, f16, bf16 := []byte{}, []byte{}, []byte{}
	for i, v := range want {
		f64 = binary.LittleEndian.AppendUint64(f64, math.Float64bits(float64(v)))
		f16 = binary.LittleEndian.AppendUint16(f16, []uint16{0x3c00, 0xc100, 0, 0x7bff, 0xfc00}[i])
		bf16 = binary.LittleEndian.AppendUint16(bf16, uint16(math.Float32bits(v)>>16))
	}
	for _, x := range []checkpoint.Tensor{
		checkpoint.FromFloat32(shape, want), {DType: checkpoint.F64, Shape: shape, Data: f64},
		{DType: checkpoint.F16, Shape: shape, Data: f16}, {DType: checkpoint.BF16, Shape: shape, Data: bf16},
	} {
		for _, dir := range []string{write(t, map[string]any{"m.safetensors": map[string]checkpoint.Tensor{"x": x}}), unaligned(t, x)} {
			a, err := checkpoint.OpenArchive(dir)
			if err != nil {
				t.Fatal(err)
			}
			w := layer.NewWeights(1)
			b := layer.NewBuilder(gorgonia.NewGraph(), w, nil)
			b.Param("x", shape, layer.Zeros)
			if _, err := checkpoint.Load(w, a.Tensors, checkpoint.LoadOptions{}); err != nil {
				t.Fatal(err)
			}
			got := w.Data("x")
			if x.DType == checkpoint.BF16 && got[3] == 65280 { // 65504 cut to 8 bits
				got[3] = 65504
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s: %v", x.DType, got)
			}
			got[0] = 7 // a copy: the file is only for reading
			if v, err := a.Tensors["x"].Float32(); err != nil || v[0] != 1 {
				t.Errorf("%s: the file changed to %v, %v", x.DType, v, err)
			}
			if err := a.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// discard takes parameters and keeps none.
type discard int

func (d *discard) Set(_ string, _ []int, data []float32) error { *d += discard(len(data)); return nil }

func TestFrozenWeightsOfAMappedFileTakeNoMemory(t *testing.T) {
	const n = 4 << 20
	big := map[string]checkpoint.Tensor{"x": checkpoint.FromFloat32([]int{n}, make([]float32, n))}
	dir := write(t, map[string]any{"model.safetensors": big})
	w := layer.NewWeights(1)
	layer.NewBuilder(gorgonia.NewGraph(), w, nil).Param("x", []int{n}, layer.Zeros)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	a, err := checkpoint.OpenArchive(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if _, err := checkpoint.Load(w, a.Tensors, checkpoint.LoadOptions{}); err != nil {
		t.Fatal(err)
	}
	var sum discard
	if err := w.Upload(&sum); err != nil || sum != n {
		t.Fatalf("%d values, %v", sum, err)
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<20 {
		t.Errorf("a file of %d bytes took %d bytes of memory", 4*n, grown)
	}
}

func FuzzOpenArchive(f *testing.F) {
	var file bytes.Buffer
	if err := checkpoint.Encode(&file, sample(), nil); err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(`{"metadata":{"total_size":0},"weight_map":{"empty":"x.safetensors"}}`), file.Bytes())
	f.Add([]byte(`{"weight_map":{"a":"../x.safetensors"}} x`), []byte{})
	f.Add([]byte(`{"weight_map":{"a":1},"weight_map":{}}`), []byte("\x02\x00\x00\x00\x00\x00\x00\x00{}"))
	f.Fuzz(func(t *testing.T, index, shard []byte) {
		dir := write(t, map[string]any{"model.safetensors.index.json": index, "x.safetensors": shard})
		a, err := checkpoint.OpenArchive(dir)
		if err != nil {
			return
		}
		for name, x := range a.Tensors {
			if _, err := x.Float32(); err == nil && len(x.Data) != x.Len()*x.DType.Size() {
				t.Fatalf("%s: %s %v of %d bytes", name, x.DType, x.Shape, len(x.Data))
			}
		}
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
	})
}
