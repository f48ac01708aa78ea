package dag

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sync"
	"time"
)

// blobTime is the modification time of every blob. Publishing sets it; any write through a link changes it.
var blobTime = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// BlobError says that content which a result names is not in the store.
type BlobError struct {
	Digest  Digest
	Corrupt bool   // it was there with other bytes, and is in quarantine now
	Path    string // within the folder that is not whole; "" for a file, or for the folder's own object
}

func (e *BlobError) Error() string {
	what := e.Digest.Short()
	if e.Path != "" {
		what = fmt.Sprintf("%s (%s)", e.Path, what)
	}
	if e.Corrupt {
		return what + " was corrupt in the store"
	}
	return what + " is missing from the store"
}

func (s *Store) blob(hex string) string { return filepath.Join(s.dir, "cas", hex[:2], hex) }

// check makes sure, by a stat, that the blob of d is whole. A blob that looks touched is read: the right
// bytes get their time back (the store may have been copied), others go to quarantine.
func (s *Store) check(d Digest, size int64) error {
	path := s.blob(d.Hex())
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &BlobError{Digest: d, Corrupt: s.quarantined(d.Hex())}
	case err != nil:
		return err
	case info.ModTime().Equal(blobTime) && (size < 0 || info.Size() == size):
		return nil
	}
	hex, _, err := hashFile(path)
	switch {
	case err == nil && hex == d.Hex():
		if err = seal(path); unwritable(err) {
			err = nil // it is whole, and looked at again the next time
		}
	case err == nil:
		if err = s.setAside(d.Hex()); err == nil {
			return &BlobError{Digest: d, Corrupt: true}
		}
	}
	if errors.Is(err, fs.ErrNotExist) { // somebody else found it corrupt at the same time
		return &BlobError{Digest: d, Corrupt: true}
	}
	return err
}

// copyBlob makes dst a file of its own with the bytes of d. They are hashed on their way: a disk that spoils them
// leaves their size and time as they were, which is all that check looks at.
func (s *Store) copyBlob(d Digest, dst string) error {
	in, err := os.Open(s.blob(d.Hex()))
	if errors.Is(err, fs.ErrNotExist) {
		return &BlobError{Digest: d, Corrupt: s.quarantined(d.Hex())}
	} else if err != nil {
		return err
	}
	defer in.Close()
	h := sha256.New()
	err = writeFile(dst, false, func(w *bufio.Writer) error { _, err := io.Copy(io.MultiWriter(w, h), in); return err })
	if err != nil || hex.EncodeToString(h.Sum(nil)) == d.Hex() {
		return err
	}
	if err := errors.Join(os.Remove(dst), s.setAside(d.Hex())); err != nil {
		return err
	}
	return &BlobError{Digest: d, Corrupt: true}
}

// setAside is quarantine where the store may be one that cannot be written to.
func (s *Store) setAside(hex string) error {
	if err := s.quarantine(hex); !unwritable(err) {
		return err
	}
	return nil
}

// seal gives a blob its mode and time.
func seal(path string) error {
	return errors.Join(os.Chtimes(path, blobTime, blobTime), os.Chmod(path, readOnly))
}

// quarantine takes a blob out of use but keeps it, for people to look at.
func (s *Store) quarantine(hex string) error {
	dir := filepath.Join(s.dir, "quarantine")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	err := os.Rename(s.blob(hex), filepath.Join(dir, hex))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // another process did it
	}
	return err
}

// quarantined says whether a blob was found corrupt: whoever looks later is told the same.
func (s *Store) quarantined(hex string) bool { return exists(filepath.Join(s.dir, "quarantine", hex)) }

// read gives the bytes of a small blob: a tree object, a manifest, a list.
func (s *Store) read(hex string) ([]byte, error) {
	raw, err := os.ReadFile(s.blob(hex))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, &BlobError{Digest: Digest(filePrefix + hex), Corrupt: s.quarantined(hex)}
	case err != nil:
		return nil, err
	case hashBytes(raw) != hex:
		if err := s.setAside(hex); err != nil {
			return nil, err
		}
		return nil, &BlobError{Digest: Digest(filePrefix + hex), Corrupt: true}
	}
	return raw, nil
}

// audit checks whole artifacts, each blob once.
type audit struct {
	store  *Store
	shared *shared  // what it offers counts as whole
	seen   sync.Map // Digest -> error or nil
}

// artifact finds the first blob of d that is missing or corrupt.
func (a *audit) artifact(d Digest, size int64) error {
	if err, ok := a.seen.Load(d); ok {
		err, _ := err.(error)
		return err
	}
	err := a.look(d, size)
	a.seen.Store(d, err)
	return err
}

func (a *audit) look(d Digest, size int64) error {
	if !d.IsTree() {
		return a.store.check(d, size)
	}
	tree, err := a.store.tree(d)
	if err != nil {
		return err
	}
	for _, e := range tree {
		err := a.artifact(e.Digest, e.Size)
		var bad *BlobError
		if errors.As(err, &bad) {
			return &BlobError{Digest: bad.Digest, Corrupt: bad.Corrupt, Path: path.Join(e.Name, bad.Path)}
		} else if err != nil {
			return err
		}
	}
	return nil
}

// tree reads the tree object of a folder.
func (s *Store) tree(d Digest) (Tree, error) {
	raw, err := s.read(d.Hex())
	if err != nil {
		return nil, err
	}
	tree, err := decodeTree(raw)
	if err != nil {
		return nil, &BlobError{Digest: d, Corrupt: true} // its bytes are right: a record from elsewhere takes it for a folder
	}
	return tree, nil
}

// have is check for one who will name the blob in a result: it makes the blob young, so that a GC leaves it alone
// until the result is there.
func (s *Store) have(d Digest, size int64) error {
	_ = os.Chmod(s.blob(d.Hex()), readOnly) // the change time moves; who may not do that does no harm
	return s.check(d, size)
}

// publisher adds blobs to the store. What it added is safe to name in a result after commit.
type publisher struct {
	store *Store
	taken map[string]taken // by hash
	dirs  map[string]bool  // that got new names
}

// taken is a file that goes to the store at commit.
type taken struct {
	path string
	own  bool // it can be moved
}

func (s *Store) publisher() *publisher {
	return &publisher{store: s, taken: map[string]taken{}, dirs: map[string]bool{}}
}

// take adds the file or folder at path, which is in this process's scratch folder. Its files stay where they are
// until commit, which uses them up: until then links may lead to them.
func (p *publisher) take(path string) (Digest, totals, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return "", totals{}, err
	}
	w := &treeWriter{emit: func(hex string, raw []byte) error { return p.put(hex, raw, true) }}
	w.file = func(path string, info fs.FileInfo) (Digest, error) {
		hex, size, err := hashFile(path)
		if err != nil {
			return "", err
		}
		d := Digest(filePrefix + hex)
		var bad *BlobError
		if err := p.store.have(d, size); err == nil || !errors.As(err, &bad) {
			return d, err
		}
		// What a link leads to, or what has other names, may live on outside the work folder: it is copied.
		if own := w.linked == 0 && links(info) == 1; own || p.taken[hex].path == "" {
			p.taken[hex] = taken{path, own}
		}
		return d, nil
	}
	if info.IsDir() {
		return w.add(path)
	}
	e, sum, err := w.entry(path, filepath.Base(path))
	return e.Digest, sum, err
}

// storeFile puts one file in its place.
func (p *publisher) storeFile(hex string, t taken) error {
	path := t.path
	if !t.own {
		var err error
		if path, err = p.copyOf(path); err != nil {
			return err
		}
		copied, _, err := hashFile(path) // others may write to the file
		if err != nil {
			return err
		}
		if copied != hex {
			return broken(fmt.Errorf("%s changed while it was stored: a stage must not give out what others still write to", t.path))
		}
	}
	if err := syncFile(path); err != nil {
		return err
	}
	return p.name(path, hex)
}

// put adds bytes whose hash is known. Only what a result depends on needs to be durable.
func (p *publisher) put(hex string, raw []byte, durable bool) error {
	var bad *BlobError
	if err := p.store.have(Digest(filePrefix+hex), int64(len(raw))); err == nil || !errors.As(err, &bad) {
		return err
	}
	tmp, err := p.store.temp()
	if err != nil {
		return err
	}
	if err := writeFile(tmp, durable, contents(raw)); err != nil {
		return err
	}
	return p.name(tmp, hex)
}

// name moves a complete file to its place.
func (p *publisher) name(tmp, hex string) error {
	if err := seal(tmp); err != nil {
		return err
	}
	path := p.store.blob(hex)
	dir := filepath.Dir(path)
	p.dirs[dir] = true
	err := os.Rename(tmp, path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		p.dirs[filepath.Dir(dir)] = true
		err = os.Rename(tmp, path)
	}
	return err
}

func (p *publisher) copyOf(path string) (string, error) {
	tmp, err := p.store.temp()
	if err != nil {
		return "", err
	}
	return tmp, copyFile(tmp, path)
}

// commit stores the files that were taken and makes all names durable.
func (p *publisher) commit() error {
	for hex, t := range p.taken {
		if err := p.storeFile(hex, t); err != nil {
			return err
		}
	}
	clear(p.taken)
	var errs []error
	for dir := range p.dirs {
		errs = append(errs, syncDir(dir))
	}
	clear(p.dirs)
	return errors.Join(errs...)
}

func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// copyFile makes dst a new file with src's bytes.
func copyFile(dst, src string) error {
	in, err := os.Open(src)
	if err != nil {
		return err
	}
	defer in.Close()
	return writeFile(dst, false, func(w *bufio.Writer) error { _, err := io.Copy(w, in); return err })
}
