package checkpoint

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// Write writes a safetensors file, by a temporary file beside it that is renamed. The bytes depend on names, tensors and metadata only.
func Write(path string, tensors map[string]Tensor, metadata map[string]string) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails once renamed
	err = Encode(f, tensors, metadata)
	if err == nil {
		err = f.Chmod(0o644)
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// Encode writes the safetensors format. Tensors lie in order of descending element size, then name, so that each is
// aligned to its elements; the header is padded with spaces to 8 bytes.
func Encode(w io.Writer, tensors map[string]Tensor, metadata map[string]string) error {
	names := make([]string, 0, len(tensors))
	for n, t := range tensors {
		if err := t.check(); err != nil {
			return fmt.Errorf("%s: %w", n, err)
		}
		if n == "__metadata__" {
			return fmt.Errorf("%s is not a name for a tensor", n)
		}
		names = append(names, n)
	}
	sort.Slice(names, func(i, j int) bool {
		a, b := tensors[names[i]].DType.Size(), tensors[names[j]].DType.Size()
		return a > b || a == b && names[i] < names[j]
	})
	header, err := encodeHeader(names, tensors, metadata)
	if err != nil {
		return err
	}
	var size [8]byte
	binary.LittleEndian.PutUint64(size[:], uint64(len(header)))
	if _, err := w.Write(append(size[:], header...)); err != nil {
		return err
	}
	for _, n := range names {
		if _, err := w.Write(tensors[n].Data); err != nil {
			return err
		}
	}
	return nil
}

func encodeHeader(names []string, tensors map[string]Tensor, metadata map[string]string) ([]byte, error) {
	var buf bytes.Buffer
	sep := "{"
	field := func(name string, v any) error {
		key, err := json.Marshal(name)
		if err != nil {
			return err
		}
		val, err := json.Marshal(v) // sorts the keys of maps
		if err != nil {
			return err
		}
		fmt.Fprintf(&buf, "%s%s:%s", sep, key, val)
		sep = ","
		return nil
	}
	if len(metadata) > 0 {
		if err := field("__metadata__", metadata); err != nil {
			return nil, err
		}
	}
	at := int64(0)
	for _, n := range names {
		t := tensors[n]
		end := at + int64(len(t.Data))
		if err := field(n, entry{t.DType, append([]int{}, t.Shape...), [2]int64{at, end}}); err != nil {
			return nil, err
		}
		at = end
	}
	if sep == "{" {
		buf.WriteString("{")
	}
	buf.WriteString("}")
	buf.WriteString(strings.Repeat(" ", -buf.Len()&7))
	return buf.Bytes(), nil
}
