package dag

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// holding is who names blobs: a result, or the tombstone of one.
type holding struct {
	key        string
	result     *Result // nil: a tombstone
	changed    time.Time
	used       time.Time // the last time that a run named it: the record's modification time, or a journal later than that
	blobs      []string  // all, each once
	describing []string  // the first of them, which explain it: the manifest and what it lists. A tombstone has no others
	alone      []string  // of a victim: blobs that nothing else names
	bytes      int64     // of these
}

func (h *holding) stage() string {
	stage, _, _ := strings.Cut(h.result.Address, "[")
	return stage
}

// holdings lists the results and tombstones. Records that do not read are left out.
func (s *Store) holdings() ([]*holding, error) {
	var all []*holding
	err := s.eachFile("actions", func(path string, info fs.FileInfo) error {
		key := strings.TrimSuffix(filepath.Base(path), ".json")
		r, err := s.Result(key)
		if errors.Is(err, ErrNoResult) {
			return nil
		}
		all = append(all, &holding{key: key, result: r, changed: changed(info), used: info.ModTime()})
		return err
	})
	if err != nil {
		return nil, err
	}
	return all, s.eachFile(tombs, func(path string, _ fs.FileInfo) error {
		all = append(all, &holding{key: strings.TrimSuffix(filepath.Base(path), ".json")})
		return nil
	})
}

// blobWalk finds the blobs that are named, without looking whether they are whole.
type blobWalk struct {
	store *Store
	seen  map[Digest][]string
}

// artifact lists the blobs of a file or folder.
func (w *blobWalk) artifact(d Digest) []string {
	if !d.IsTree() {
		return []string{d.Hex()}
	}
	if list, ok := w.seen[d]; ok {
		return list
	}
	list := []string{d.Hex()}
	w.seen[d] = list
	if raw, err := os.ReadFile(w.store.blob(d.Hex())); err == nil {
		tree, _ := decodeTree(raw) // a damaged one is found by whoever reads it
		for _, e := range tree {
			list = append(list, w.artifact(e.Digest)...)
		}
	}
	w.seen[d] = list
	return list
}

// fill finds the blobs of a holding. Of input folders it takes the tree objects, which explain a change; the files
// in them belong to who made them.
func (w *blobWalk) fill(h *holding) {
	h.describing = []string{h.key}
	if raw, err := os.ReadFile(w.store.blob(h.key)); err == nil {
		var m Manifest
		if json.Unmarshal(raw, &m) == nil {
			for _, in := range m.Inputs {
				if in.Group || in.Digest.IsTree() {
					h.describing = append(h.describing, w.objects(in.Digest)...)
				}
			}
		}
	}
	h.describing = distinct(h.describing)
	h.blobs = h.describing
	if h.result != nil {
		for _, o := range h.result.Outputs {
			h.blobs = append(h.blobs[:len(h.blobs):len(h.blobs)], w.artifact(o.Digest)...)
		}
		h.blobs = distinct(h.blobs)
	}
}

// objects lists the tree objects of a folder, or the blob of a list.
func (w *blobWalk) objects(d Digest) []string {
	key := "objects " + d
	if list, ok := w.seen[key]; ok {
		return list
	}
	list := []string{d.Hex()}
	if d.IsTree() {
		if raw, err := os.ReadFile(w.store.blob(d.Hex())); err == nil {
			tree, _ := decodeTree(raw)
			for _, e := range tree {
				if e.Digest.IsTree() {
					list = append(list, w.objects(e.Digest)...)
				}
			}
		}
	}
	w.seen[key] = list
	return list
}

// distinct leaves out repetitions, in place.
func distinct(list []string) []string {
	seen := make(map[string]bool, len(list))
	out := list[:0]
	for _, x := range list {
		if !seen[x] {
			seen[x] = true
			out = append(out, x)
		}
	}
	return out
}

// eachFile calls do for each file in the folders of the store that match; one that vanishes meanwhile, or a
// folder that is not there, is none.
func (s *Store) eachFile(folders string, do func(path string, info fs.FileInfo) error) error {
	dirs, err := filepath.Glob(filepath.Join(s.dir, folders))
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		list, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		for _, d := range list {
			info, err := d.Info()
			if errors.Is(err, fs.ErrNotExist) {
				continue
			} else if err != nil {
				return err
			}
			if err := do(filepath.Join(dir, d.Name()), info); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}
