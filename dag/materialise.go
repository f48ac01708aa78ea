package dag

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// folder is an action's private work folder with its inputs in place.
type folder struct {
	store *Store
	path  string
	links map[string]link // work file -> the blob it is a hard link to
}

// link is a blob as it was when it was linked.
type link struct {
	hex   string
	stamp stamp
}

// place puts the content of d at dst: by reflink, else as a read-only hard link, else as a copy. An
// executable file is copied, since a mode belongs to all links.
func (f *folder) place(d Digest, size int64, dst string, exec bool) error {
	if d.IsTree() {
		tree, err := f.store.tree(d)
		if err != nil {
			return err
		}
		if err := os.Mkdir(dst, 0o755); err != nil {
			return err
		}
		for _, e := range tree {
			if err := f.place(e.Digest, e.Size, filepath.Join(dst, e.Name), e.Exec); err != nil {
				return err
			}
		}
		return nil
	}
	if err := f.store.check(d, size); err != nil {
		return err
	}
	src := f.store.blob(d.Hex())
	if exec {
		if err := f.store.copyBlob(d, dst); err != nil {
			return err
		}
		return os.Chmod(dst, 0o555)
	}
	if f.store.clone(dst, src) {
		return nil
	}
	err := os.Link(src, dst)
	switch {
	case err == nil:
		info, err := os.Lstat(dst)
		if err != nil {
			return err
		}
		f.links[dst] = link{d.Hex(), stampOf(info)}
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return &BlobError{Digest: d}
	}
	// Too many links, or a file system without them.
	return f.store.copyBlob(d, dst)
}

// clone tries a reflink.
func (s *Store) clone(dst, src string) bool {
	if s.noClone.Load() {
		return false
	}
	in, err := os.Open(src)
	if err != nil {
		return false
	}
	defer in.Close()
	out, err := os.OpenFile(dst, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return false
	}
	defer out.Close()
	if err = reflink(out, in); err == nil {
		return true
	}
	if errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, syscall.ENOTTY) || errors.Is(err, errors.ErrUnsupported) {
		s.noClone.Store(true)
	}
	os.Remove(dst) // the next way needs the name
	return false
}

// WriteThroughError says that linked inputs changed while a stage ran.
type WriteThroughError struct {
	Files []string // relative to the work folder
}

func (e *WriteThroughError) Error() string {
	return fmt.Sprintf("input changed while the stage ran: %s; inputs are read-only, and this stage, or one beside "+
		"it that reads the same, wrote to them (the damaged copies are in quarantine, what made them runs again)", list(e.Files, 5))
}

// unchanged says whether path is the file that was linked, as it was then.
func (l link) unchanged(path string) bool {
	info, err := os.Lstat(path)
	if err != nil {
		return false
	}
	now := stampOf(info)
	return now.inode == l.stamp.inode && now.mtime == l.stamp.mtime && now.size == l.stamp.size
}

// same says whether path is the file that was linked, whatever it holds now.
func (l link) same(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && stampOf(info).inode == l.stamp.inode
}

// verify finds the blobs that were written to through this folder's links and takes them out of use.
func (f *folder) verify() error {
	var bad []string
	for path, l := range f.links {
		// The blob, and not only the work file: a stage may remove its link and write a file of its own.
		if l.unchanged(f.store.blob(l.hex)) || l.unchanged(path) {
			continue
		}
		err := f.store.check(Digest(filePrefix+l.hex), l.stamp.size)
		var gone *BlobError
		if err != nil && !errors.As(err, &gone) {
			return err
		}
		if err == nil && l.same(f.store.blob(l.hex)) {
			continue // written to, with the bytes that it had
		}
		rel, err := filepath.Rel(f.path, path)
		if err != nil {
			return err
		}
		bad = append(bad, rel)
	}
	if len(bad) > 0 {
		return &WriteThroughError{Files: bad}
	}
	return nil
}

// Export copies an artifact out of the store to dst, which must not exist, as ordinary files. All that it copies has
// the right bytes, or the error is a *BlobError.
func (s *Store) Export(d Digest, dst string) error {
	if !d.IsTree() {
		if err := s.check(d, -1); err != nil {
			return err
		}
		return s.copyBlob(d, dst)
	}
	tree, err := s.tree(d)
	if err != nil {
		return err
	}
	if err := os.Mkdir(dst, 0o755); err != nil {
		return err
	}
	for _, e := range tree {
		path := filepath.Join(dst, e.Name)
		if err := s.Export(e.Digest, path); err != nil {
			return err
		}
		if e.Exec {
			if err := os.Chmod(path, 0o755); err != nil {
				return err
			}
		}
	}
	return nil
}
