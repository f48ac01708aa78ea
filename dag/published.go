package dag

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// PlaceError says that a publication would overwrite what is not pipe's to overwrite.
type PlaceError struct {
	Path string
	Why  string
}

func (e *PlaceError) Error() string {
	return fmt.Sprintf("%s %s; nothing there was touched. Move it away, or delete it if an earlier store made it, and apply again, or choose another path for the output",
		e.Path, e.Why)
}

// checkPlace refuses a path where something stands that is not as this store published it.
func (s *Store) checkPlace(path string) error {
	if within(path, s.dir) || within(s.dir, path) {
		return fmt.Errorf("%s overlaps the store %s: choose another path for the output", path, s.dir)
	}
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode()&fs.ModeSymlink != 0:
		return &PlaceError{path, "is a link, which pipe did not make"}
	}
	known, err := s.published(path)
	if err != nil {
		return err
	}
	if len(known) == 0 {
		return &PlaceError{path, "is there already, and was not published from this store"}
	}
	now, err := s.files.digest(path)
	if err != nil || !slices.Contains(known, now) { // what cannot be read is not as it was published either
		return &PlaceError{path, "was changed after it was published"}
	}
	return nil
}

// within says whether path is dir or lies in it.
func within(path, dir string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel)
}

// published lists what this store may have put at path: the last artifact and the one before it, since a run
// can be killed after it has noted the one and before it has put it there.
func (s *Store) published(path string) ([]Digest, error) {
	raw, err := os.ReadFile(s.publishedFile(path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	var list []Digest
	for _, line := range strings.Fields(string(raw)) {
		list = append(list, Digest(line))
	}
	return list, nil
}

// notePublished remembers that d is, or is about to be, at path.
func (s *Store) notePublished(path string, d Digest) error {
	known, err := s.published(path)
	if err != nil || len(known) > 0 && known[len(known)-1] == d {
		return err
	}
	if len(known) > 0 {
		now, err := s.files.digest(path)
		if err != nil {
			known = nil
		} else {
			known = slices.DeleteFunc(known, func(k Digest) bool { return k != now })
		}
	}
	return s.write(s.publishedFile(path), true, func(w *bufio.Writer) error {
		for _, k := range append(known, d) {
			if _, err := fmt.Fprintln(w, k); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Store) publishedFile(path string) string {
	return filepath.Join(s.dir, "published", hashBytes([]byte(path)))
}
