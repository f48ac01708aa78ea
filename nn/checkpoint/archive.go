package checkpoint

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Archive is the open tensors of a safetensors file, or of the shards that an index lists.
//
// The Data of its tensors is the mapped file where the system can map files: it is only for reading, and a fault after
// Close. What is never closed stays mapped until the process ends.
type Archive struct {
	Tensors map[string]Tensor
	Files   []string // that it consists of, an index first

	unmap []func() error
}

// The endings of files with weights.
const (
	fileEnding  = ".safetensors"
	indexEnding = ".safetensors.index.json"
)

// OpenArchive opens path: a .safetensors file, a .safetensors.index.json with its shards beside it, or a folder that holds one
// of them. Of several, transformers' and timm's model.safetensors and diffusers' diffusion_pytorch_model.safetensors come first.
// PyTorch's pickles are refused by a *PickleError.
func OpenArchive(path string) (*Archive, error) {
	if info, err := os.Stat(path); err != nil {
		return nil, err
	} else if info.IsDir() {
		if path, err = findWeights(path); err != nil {
			return nil, err
		}
	}
	a := &Archive{Tensors: map[string]Tensor{}}
	var err error
	switch {
	case IsPickle(path):
		refused := &PickleError{Files: []string{path}}
		if _, missing := os.Stat(refused.converted()); missing == nil {
			refused.Given = refused.converted()
		}
		err = refused
	case strings.HasSuffix(path, indexEnding):
		err = a.addShards(path)
	default:
		_, err = a.add(path)
	}
	if err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

// findWeights chooses the file or index of a folder.
func findWeights(dir string) (string, error) {
	list, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	var names, pickles []string
	for _, e := range list {
		switch name := e.Name(); {
		case IsPickle(name):
			pickles = append(pickles, filepath.Join(dir, name))
		case strings.HasSuffix(name, fileEnding), strings.HasSuffix(name, indexEnding):
			names = append(names, name)
		}
	}
	for _, stem := range []string{"model", "diffusion_pytorch_model"} {
		for _, name := range []string{stem + fileEnding, stem + indexEnding} {
			if slices.Contains(names, name) {
				return filepath.Join(dir, name), nil
			}
		}
	}
	indexes := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return !strings.HasSuffix(n, indexEnding) })
	switch {
	case len(indexes) == 1:
		return filepath.Join(dir, indexes[0]), nil
	case len(names) == 1:
		return filepath.Join(dir, names[0]), nil
	case len(names) > 1:
		return "", fmt.Errorf("%s holds several files with weights, %s: name the one that is meant", dir, strings.Join(names, ", "))
	case len(pickles) > 0:
		return "", &PickleError{Files: pickles}
	}
	return "", &NoWeightsError{dir}
}

// NoWeightsError says that a folder holds no file with weights.
type NoWeightsError struct{ Dir string }

func (e *NoWeightsError) Error() string {
	return fmt.Sprintf("%s holds no weights: there is no %s file and no %s", e.Dir, fileEnding, indexEnding)
}

// add maps a file and takes in its tensors, whose names it returns.
func (a *Archive) add(path string) (names []string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() // a mapping outlives its file
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if st.Size() == 0 {
		return nil, fmt.Errorf("%s: %w: it is empty", path, ErrFormat)
	}
	data, unmap, err := mapFile(f, st.Size())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	a.unmap = append(a.unmap, unmap)
	file, err := NewFile(bytes.NewReader(data), st.Size())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for n, e := range file.entries {
		begin, end := file.data+e.Offsets[0], file.data+e.Offsets[1]
		a.Tensors[n] = Tensor{DType: e.DType, Shape: e.Shape, Data: data[begin:end:end]}
	}
	a.Files = append(a.Files, path)
	return file.Names(), nil
}

// Close ends the use of the tensors, and of whatever was loaded from them.
func (a *Archive) Close() error {
	var errs []error
	for _, unmap := range a.unmap {
		errs = append(errs, unmap())
	}
	a.unmap, a.Tensors = nil, nil
	return errors.Join(errs...)
}
