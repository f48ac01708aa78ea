package dag

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Tree is a folder: its entries sorted by name. Each subfolder is an object of its own, so that an unchanged
// one is stored once. Symbolic links are followed when a folder is read, wherever they lead, since what a stage
// reads is content: a link is stored as what it leads to. One that leads nowhere, or back to a folder that it lies
// in, is a PartError.
type Tree []TreeEntry

// TreeEntry is a file or folder of a tree.
type TreeEntry struct {
	Name   string `json:"name"`
	Digest Digest `json:"digest"`
	Size   int64  `json:"size"` // bytes; of a folder, of all that is in it
	Exec   bool   `json:"exec,omitempty"`
}

// encode gives the canonical bytes of the tree object.
func (t Tree) encode() ([]byte, error) {
	b := []byte{'['}
	for i, e := range t {
		if i > 0 {
			b = append(b, ",\n"...) // a line an entry: people read these
		}
		b = append(b, `{"name":`...)
		var err error
		if b, err = appendString(b, e.Name); err != nil {
			return nil, fmt.Errorf("file name: %w", err)
		}
		b = append(append(append(b, `,"digest":"`...), e.Digest...), `","size":`...)
		b = strconv.AppendInt(b, e.Size, 10)
		if e.Exec {
			b = append(b, `,"exec":true`...)
		}
		b = append(b, '}')
	}
	return append(b, ']'), nil
}

func decodeTree(raw []byte) (Tree, error) {
	var t Tree
	if err := json.Unmarshal(raw, &t); err != nil {
		return nil, fmt.Errorf("reading a tree: %w", err)
	}
	for _, e := range t { // it may come from another machine
		if e.Name == "" || e.Name == "." || e.Name == ".." || strings.ContainsAny(e.Name, "/\x00") || !e.Digest.valid() {
			return nil, fmt.Errorf("reading a tree: %q (%s) is no entry of a folder", e.Name, e.Digest)
		}
	}
	return t, nil
}

// treeWriter turns a folder on disk into tree objects.
type treeWriter struct {
	file   func(path string, info fs.FileInfo) (Digest, error) // digests, or takes in, one file
	emit   func(hex string, raw []byte) error                  // stores one tree object; may be nil
	open   []fs.FileInfo                                       // the folders above, against loops of links
	linked int                                                 // how many links led to where it is
}

// PartError says that something in a folder cannot be stored.
type PartError struct {
	Path string
	Why  string // with the remedy
}

func (e *PartError) Error() string { return e.Path + " " + e.Why }

// deadLink is the error for a link that cannot be followed: path itself, or the last one on the way to it.
func deadLink(path, why string) error {
	target, err := os.Readlink(path)
	for err != nil && path != filepath.Dir(path) {
		path = filepath.Dir(path)
		target, err = os.Readlink(path)
	}
	return &PartError{path, fmt.Sprintf("is a link to %s, %s", target, why)}
}

const (
	leadsNowhere = "where there is nothing: remove the link, or make what it leads to (links are followed, and what they lead to is stored)"
	leadsBack    = "which leads back to itself or to a folder that it lies in: remove the link, or put a copy in its place (links are followed, and what they lead to is stored)"
	isSpecial    = "is neither a file nor a folder: remove it, or keep it out of this folder"
)

// totals are what a folder holds, in all its depths.
type totals struct {
	size  int64
	files int
}

// add reads dir and all below it.
func (w *treeWriter) add(dir string) (Digest, totals, error) {
	var sum totals
	info, err := os.Stat(dir)
	if err != nil {
		return "", sum, err
	}
	for _, above := range w.open {
		if os.SameFile(above, info) {
			return "", sum, deadLink(dir, leadsBack)
		}
	}
	w.open = append(w.open, info)
	defer func() { w.open = w.open[:len(w.open)-1] }()

	list, err := os.ReadDir(dir) // sorted by name
	if err != nil {
		return "", sum, err
	}
	tree := make(Tree, 0, len(list))
	for _, d := range list {
		e, t, err := w.entry(filepath.Join(dir, d.Name()), d.Name())
		if err != nil {
			return "", sum, err
		}
		tree = append(tree, e)
		sum.size += t.size
		sum.files += t.files
	}
	raw, err := tree.encode()
	if err != nil {
		return "", sum, fmt.Errorf("%s: %w", dir, err)
	}
	hex := hashBytes(raw)
	if w.emit != nil {
		err = w.emit(hex, raw)
	}
	return Digest(treePrefix + hex), sum, err
}

func (w *treeWriter) entry(path, name string) (TreeEntry, totals, error) {
	info, err := os.Lstat(path)
	if err == nil && info.Mode()&fs.ModeSymlink != 0 {
		w.linked++
		defer func() { w.linked-- }()
		info, err = os.Stat(path)
	}
	switch {
	case errors.Is(err, syscall.ELOOP):
		return TreeEntry{}, totals{}, deadLink(path, leadsBack)
	case errors.Is(err, fs.ErrNotExist):
		return TreeEntry{}, totals{}, deadLink(path, leadsNowhere)
	case err != nil:
		return TreeEntry{}, totals{}, err
	case info.IsDir():
		d, sum, err := w.add(path)
		return TreeEntry{Name: name, Digest: d, Size: sum.size}, sum, err
	case !info.Mode().IsRegular():
		return TreeEntry{}, totals{}, &PartError{path, isSpecial}
	}
	d, err := w.file(path, info)
	return TreeEntry{Name: name, Digest: d, Size: info.Size(), Exec: info.Mode()&0o111 != 0}, totals{info.Size(), 1}, err
}
