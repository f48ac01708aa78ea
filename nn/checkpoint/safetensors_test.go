package checkpoint_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pipe-ml/pipe/nn/checkpoint"
)

func sample() map[string]checkpoint.Tensor {
	return map[string]checkpoint.Tensor{
		"b.weight": checkpoint.FromFloat32([]int{2, 3}, []float32{1, -2, 3.5, 0, float32(math.Inf(1)), 1e-40}),
		"a.scalar": checkpoint.FromFloat32([]int{}, []float32{7}),
		"images":   checkpoint.FromUint8([]int{3}, []byte{1, 2, 3}),
		"ids":      checkpoint.FromInt32([]int{1, 2}, []int32{-1, 49407}),
		"empty":    checkpoint.FromFloat32([]int{0, 4}, nil),
	}
}

func TestWriteThenReadGivesTheSameTensors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.safetensors")
	meta := map[string]string{"format": "pt", "a": "é \" <"}
	if err := checkpoint.Write(path, sample(), meta); err != nil {
		t.Fatal(err)
	}
	got, gotMeta, err := checkpoint.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(meta, gotMeta); d != "" {
		t.Error(d)
	}
	want := sample()
	want["empty"] = checkpoint.Tensor{DType: checkpoint.F32, Shape: []int{0, 4}, Data: []byte{}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); len(left) > 0 {
		t.Errorf("temporary files left: %v", left)
	}
}

func TestBytesAreAsTheFormatSays(t *testing.T) {
	var a, b bytes.Buffer
	for _, w := range []*bytes.Buffer{&a, &b} {
		if err := checkpoint.Encode(w, sample(), nil); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Error("two writes differ")
	}
	n := binary.LittleEndian.Uint64(a.Bytes())
	header := string(a.Bytes()[8 : 8+n])
	want := `{"a.scalar":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"b.weight":{"dtype":"F32","shape":[2,3],"data_offsets":[4,28]},` +
		`"empty":{"dtype":"F32","shape":[0,4],"data_offsets":[28,28]},"ids":{"dtype":"I32","shape":[1,2],"data_offsets":[28,36]},` +
		`"images":{"dtype":"U8","shape":[3],"data_offsets":[36,39]}}`
	if strings.TrimRight(header, " ") != want || n%8 != 0 {
		t.Errorf("header of %d bytes:\n%s\nwant\n%s", n, header, want)
	}
}

func TestDamagedFilesAreRefused(t *testing.T) {
	file := func(header string, data int) []byte {
		b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
		return append(append(b, header...), make([]byte, data)...)
	}
	for name, raw := range map[string][]byte{
		"short":          {1, 2, 3},
		"header too big": binary.LittleEndian.AppendUint64(nil, 1<<40),
		"not an object":  file(`[]`, 0),
		"text behind":    file(`{} {}`, 0),
		"unknown dtype":  file(`{"a":{"dtype":"F12","shape":[1],"data_offsets":[0,4]}}`, 4),
		"twice":          file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 8),
		"overlap":        file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 4),
		"gap":            file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 8),
		"short data":     file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 4),
		"long data":      file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 5),
		"shape":          file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}`, 4),
		"negative":       file(`{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}`, 4),
		"overflow":       file(`{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}}`, 0),
	} {
		if _, err := checkpoint.NewFile(bytes.NewReader(raw), int64(len(raw))); !errors.Is(err, checkpoint.ErrFormat) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestHalfAndBrainFloatsWidenExactly(t *testing.T) {
	for _, c := range []struct {
		dtype checkpoint.DType
		bits  uint16
		want  float32
	}{
		{checkpoint.F16, 0x3c00, 1}, {checkpoint.F16, 0xc000, -2}, {checkpoint.F16, 0x0001, 0x1p-24}, {checkpoint.F16, 0x83ff, -1023 * 0x1p-24},
		{checkpoint.F16, 0x7bff, 65504}, {checkpoint.F16, 0x7c00, float32(math.Inf(1))}, {checkpoint.BF16, 0x3f80, 1}, {checkpoint.BF16, 0xc0a0, -5},
	} {
		v, err := checkpoint.Tensor{DType: c.dtype, Shape: []int{1}, Data: binary.LittleEndian.AppendUint16(nil, c.bits)}.Float32()
		if err != nil || v[0] != c.want {
			t.Errorf("%s %#x: %v, %v; want %v", c.dtype, c.bits, v, err, c.want)
		}
	}
}

func FuzzNewFile(f *testing.F) {
	var buf bytes.Buffer
	if err := checkpoint.Encode(&buf, sample(), map[string]string{"k": "v"}); err != nil {
		f.Fatal(err)
	}
	f.Add(buf.Bytes())
	f.Add([]byte("\x02\x00\x00\x00\x00\x00\x00\x00{}"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		file, err := checkpoint.NewFile(bytes.NewReader(raw), int64(len(raw)))
		if err != nil {
			return
		}
		total := 0
		for _, n := range file.Names() {
			x, err := file.Tensor(n)
			if err != nil {
				t.Fatalf("accepted header, unreadable %s: %v", n, err)
			}
			total += len(x.Data)
		}
		if total > len(raw) {
			t.Fatalf("%d bytes of tensors from %d", total, len(raw))
		}
	})
}

func TestOpenNamesTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "broken.safetensors")
	if err := os.WriteFile(path, []byte("not a checkpoint"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := checkpoint.Read(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("error %v does not name %s", err, path)
	}
}
