package dag

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// publish copies the artifacts of the producers that ended well to where the user wants them, if they hold other
// bytes there. It counts those that changed.
func (r *run) publish(pubs []Publication) (changed int, err error) {
	var errs []error
	for _, p := range pubs {
		st, ok := r.states[p.Ref.Address]
		if how := r.ended[p.Ref.Address]; !ok || how != endCached && how != endExecuted {
			continue
		}
		a, ok := st.result.Output(p.Ref.Output)
		if !ok {
			errs = append(errs, fmt.Errorf("output %s%s: %s has no output %s", p.Name, p.Pos.note(), p.Ref.Address, p.Ref.Output))
			continue
		}
		fresh, err := r.put(p.Path, a.Digest)
		var bad *BlobError
		switch {
		case errors.Is(err, syscall.ENOTDIR):
			err = fmt.Errorf("%w: a file stands where the path needs a folder: move it away, or choose another path for the output", err)
		case errors.As(err, &bad):
			err = fmt.Errorf("%w: nothing was published; apply again, and %s makes it again", err, p.Ref.Address)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("output %s%s: %w", p.Name, p.Pos.note(), err))
			continue
		}
		if !fresh {
			changed++
		}
		r.feed.emit(Event{Type: EventPublish, Address: p.Ref.Address, Path: p.Path, Message: p.Name, Changed: !fresh})
	}
	return changed, errors.Join(errs...)
}

// put makes sure that path holds an artifact, and says whether it did before.
func (r *run) put(path string, d Digest) (fresh bool, err error) {
	if err := sweepBeside(path); err != nil {
		return false, err
	}
	if now, err := r.files.digest(path); err == nil && now == d {
		return true, r.store.notePublished(path, d)
	}
	return false, r.store.replace(path, d)
}

// A name beside PATH is .PATH.OWNER.new or .PATH.OWNER.old.
const freshSuffix, oldSuffix = ".new", ".old"

func besidePrefix(path string) string { return "." + filepath.Base(path) + "." }

// sweepBeside removes what processes that were killed while they replaced path have left beside it.
func sweepBeside(path string) error {
	dir := filepath.Dir(path)
	list, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	for _, e := range list {
		rest, ok := strings.CutPrefix(e.Name(), besidePrefix(path))
		owner, fresh := strings.CutSuffix(rest, freshSuffix)
		owner, old := strings.CutSuffix(owner, oldSuffix)
		if !ok || fresh == old || !abandoned(owner) {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return fmt.Errorf("removing what a killed run left: %w", err)
		}
	}
	return nil
}

// replace puts an artifact at path, where nothing may stand but what this store has published. A file is
// replaced in one step; between the two steps that a folder takes, the old one lies beside it under a name of
// this process.
func (s *Store) replace(path string, d Digest) error {
	if err := s.checkPlace(path); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	beside := filepath.Join(filepath.Dir(path), besidePrefix(path)+s.owner)
	fresh, old := beside+freshSuffix, beside+oldSuffix
	if err := s.Export(d, fresh); err != nil {
		return errors.Join(err, os.RemoveAll(fresh))
	}
	if err := s.notePublished(path, d); err != nil {
		return errors.Join(err, os.RemoveAll(fresh))
	}
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return errors.Join(err, os.RemoveAll(fresh))
	case info.IsDir() || d.IsTree():
		if err := os.Rename(path, old); err != nil {
			return errors.Join(err, os.RemoveAll(fresh))
		}
		defer os.RemoveAll(old)
	}
	if err := os.Rename(fresh, path); err != nil {
		return errors.Join(err, os.RemoveAll(fresh))
	}
	return nil
}
