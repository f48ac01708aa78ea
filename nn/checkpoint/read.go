package checkpoint

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"sort"
)

// maxHeader bounds the JSON header, as the reference implementation does.
const maxHeader = 100 << 20

// ErrFormat is wrapped by errors about files that are not safetensors, or damaged ones.
var ErrFormat = errors.New("not a valid safetensors file")

// File is an open safetensors file. Tensors are read when asked for. It may be used by several goroutines.
type File struct {
	Metadata map[string]string

	r       io.ReaderAt
	close   func() error
	entries map[string]entry
	data    int64 // where the data begin
}

type entry struct {
	DType   DType    `json:"dtype"`
	Shape   []int    `json:"shape"`
	Offsets [2]int64 `json:"data_offsets"`
}

// Open reads and checks the header of a safetensors file.
func Open(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err == nil {
		var out *File
		if out, err = NewFile(f, st.Size()); err == nil {
			out.close = f.Close
			return out, nil
		}
	}
	f.Close()
	return nil, fmt.Errorf("%s: %w", path, err)
}

// NewFile reads and checks the header of the size bytes of r.
//
// The format (huggingface/safetensors): 8 bytes little-endian length of the header, the header as JSON, the data. The tensors must
// cover the data from end to end without gap or overlap.
func NewFile(r io.ReaderAt, size int64) (*File, error) {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", ErrFormat, fmt.Sprintf(format, args...))
	}
	var head [8]byte
	if size < 8 {
		return nil, bad("%d bytes hold no header", size)
	}
	if _, err := r.ReadAt(head[:], 0); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint64(head[:])
	if n > maxHeader || int64(n) > size-8 {
		return nil, bad("header of %d bytes in a file of %d", n, size)
	}
	raw := make([]byte, n)
	if _, err := r.ReadAt(raw, 8); err != nil {
		return nil, err
	}
	f := &File{r: r, entries: map[string]entry{}, data: 8 + int64(n), close: func() error { return nil }}
	if err := f.parse(raw); err != nil {
		return nil, bad("header: %v", err)
	}
	if err := f.layout(size - f.data); err != nil {
		return nil, bad("%v", err)
	}
	return f, nil
}

// parse decodes the header.
func (f *File) parse(raw []byte) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	err := object(dec, func(name string) error {
		if name == "__metadata__" {
			return dec.Decode(&f.Metadata)
		}
		var e entry
		if err := dec.Decode(&e); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if _, ok := f.entries[name]; ok {
			return fmt.Errorf("%s occurs twice", name)
		}
		f.entries[name] = e
		return nil
	})
	if err != nil {
		return err
	}
	if rest := bytes.TrimSpace(raw[dec.InputOffset():]); len(rest) > 0 {
		return errors.New("text behind the object")
	}
	return nil
}

// layout checks that types, shapes and offsets agree and that the tensors tile the data.
func (f *File) layout(size int64) error {
	names := f.Names()
	sort.SliceStable(names, func(i, j int) bool {
		a, b := f.entries[names[i]].Offsets, f.entries[names[j]].Offsets
		return a[0] < b[0] || a[0] == b[0] && a[1] < b[1]
	})
	end := int64(0)
	for _, n := range names {
		e := f.entries[n]
		want := int64(e.DType.Size())
		if want == 0 {
			return fmt.Errorf("%s: unknown dtype %q", n, e.DType)
		}
		for _, d := range e.Shape {
			if d < 0 || d > 0 && want > math.MaxInt64/int64(d) {
				return fmt.Errorf("%s: impossible shape %v", n, e.Shape)
			}
			want *= int64(d)
		}
		if e.Offsets[0] != end || e.Offsets[1]-e.Offsets[0] != want {
			return fmt.Errorf("%s: %s %v at bytes %v, expected %d bytes from %d on", n, e.DType, e.Shape, e.Offsets, want, end)
		}
		end = e.Offsets[1]
	}
	if end != size {
		return fmt.Errorf("tensors take %d bytes of %d", end, size)
	}
	return nil
}

// Names lists the tensors, sorted.
func (f *File) Names() []string {
	return sortedNames(f.entries)
}

// Tensor reads one tensor.
func (f *File) Tensor(name string) (Tensor, error) {
	e, ok := f.entries[name]
	if !ok {
		return Tensor{}, fmt.Errorf("no tensor %q", name)
	}
	t := Tensor{e.DType, e.Shape, make([]byte, e.Offsets[1]-e.Offsets[0])}
	if _, err := f.r.ReadAt(t.Data, f.data+e.Offsets[0]); err != nil {
		return Tensor{}, fmt.Errorf("tensor %s: %w", name, err)
	}
	return t, nil
}

// Close ends reading.
func (f *File) Close() error { return f.close() }

// Read reads a whole safetensors file and its metadata.
func Read(path string) (map[string]Tensor, map[string]string, error) {
	f, err := Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	out := map[string]Tensor{}
	for _, n := range f.Names() {
		if out[n], err = f.Tensor(n); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return out, f.Metadata, nil
}

func sortedNames[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
