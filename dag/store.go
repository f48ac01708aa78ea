package dag

import (
	"bufio"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
)

// Store keeps blobs, results and journals in one folder. Several processes may use it at once.
//
//	cas/ab/HEX      blobs: files, tree objects, manifests, lists of groups; read-only
//	actions/KEY.json    results
//	claims/KEY          who runs an action now
//	jobs/KEY/X/         work folder of an action on another executor; the executor's own beside it
//	logs/KEY.log        what an action said when it was last run
//	runs/ID.jsonl       journals
//	unfinished/KEY/     what an action left for the next attempt at it, see Request.Scratch
//	evicted/KEY.json    results that a GC removed
//	second/KEY.json     digests of what an action gave when it was run again to compare
//	pins/KEY            results that no GC removes
//	sets/HEX.json       what their plans found in the store
//	published/HEX       what was put at the path with this hash, so that nothing else is overwritten
//	quarantine/         blobs that did not hold what their name says
//	tmp/HOST.PID.X/     work of one process; swept when it is gone
//	stat, records, last.json    caches, which can be deleted: digests of outside files, results that were read,
//	                    the last result of each address
type Store struct {
	dir     string
	owner   string // of the claims and the temporary files made through this value
	files   *statCache
	records *recordCache
	scratch func() (string, error)
	counter atomic.Int64 // of names in the scratch folder
	noClone atomic.Bool  // the file system has no reflinks
	index   index
}

// Open opens the store in dir, or makes one.
func Open(dir string) (*Store, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the store: %w", err)
	}
	for _, sub := range []string{"cas", "actions", "claims", "logs", "published", "runs", "sets", "tmp"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return nil, withRemedy(fmt.Errorf("opening the store: %w", err))
		}
	}
	s := &Store{dir: dir, owner: owner()}
	s.files = &statCache{path: filepath.Join(dir, "stat")}
	s.records = newRecordCache(filepath.Join(dir, "records"))
	s.scratch = sync.OnceValues(func() (string, error) {
		path := filepath.Join(dir, "tmp", s.owner)
		return path, os.MkdirAll(path, 0o755)
	})
	return s, nil
}

// Dir is the folder of the store.
func (s *Store) Dir() string { return s.dir }

// Close saves what makes the next run faster and removes this process's temporary files. A store that cannot be
// written to can still be read: then there is nothing to save.
func (s *Store) Close() error {
	saved := errors.Join(s.files.save(s), s.records.save(s), s.index.save(s))
	if unwritable(saved) {
		saved = nil
	}
	path := filepath.Join(s.dir, "tmp", s.owner)
	if !exists(path) {
		return withRemedy(saved)
	}
	return withRemedy(errors.Join(saved, os.RemoveAll(path)))
}

// temp is a new path in this process's own folder.
func (s *Store) temp() (string, error) {
	dir, err := s.scratch()
	if err != nil {
		return "", fmt.Errorf("temporary folder: %w", err)
	}
	return filepath.Join(dir, strconv.FormatInt(s.counter.Add(1), 10)), nil
}

// unfinished is the scratch folder of an action.
func (s *Store) unfinished(key string) string { return filepath.Join(s.dir, "unfinished", key) }

// write makes a file of the store whole or not at all. With durable it is also on the disk before it has its
// name; without, a power failure may leave it empty, which every reader takes for absent.
func (s *Store) write(path string, durable bool, fill func(w *bufio.Writer) error) error {
	tmp, err := s.temp()
	if err != nil {
		return err
	}
	if err = writeFile(tmp, durable, fill); err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		os.Remove(tmp) // on a full disk, its space is needed
	}
	return err
}

func writeFile(path string, durable bool, fill func(w *bufio.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<16)
	err = errors.Join(fill(w), w.Flush())
	if err == nil && durable {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// contents fills a file with bytes.
func contents(raw []byte) func(*bufio.Writer) error {
	return func(w *bufio.Writer) error { _, err := w.Write(raw); return err }
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// sweep removes the temporary folders of processes of this machine that are gone.
func (s *Store) sweep() error {
	list, err := os.ReadDir(filepath.Join(s.dir, "tmp"))
	if err != nil {
		return err
	}
	for _, d := range list {
		if abandoned(d.Name()) {
			err := os.RemoveAll(filepath.Join(s.dir, "tmp", d.Name()))
			if err != nil && !errors.Is(err, syscall.ENOTEMPTY) { // its workers are just ending: a later run removes it
				return fmt.Errorf("removing what a killed run left: %w", err)
			}
		}
	}
	return s.sweepJobs()
}

// owner names one use of the store by it: HOST.PID.RANDOM.
func owner() string {
	var b [6]byte
	rand.Read(b[:]) // never fails
	return fmt.Sprintf("%s.%d.%s", hostname(), os.Getpid(), hex.EncodeToString(b[:]))
}

func hostname() string {
	host, err := os.Hostname()
	if err != nil || host == "" {
		return "localhost"
	}
	return strings.ReplaceAll(host, string(filepath.Separator), "_")
}

// abandoned says whether an owner is a process of this machine that has ended. Of other machines it knows nothing.
func abandoned(owner string) bool {
	rest, ok := strings.CutPrefix(owner, hostname()+".")
	if !ok {
		return false
	}
	first, _, _ := strings.Cut(rest, ".")
	pid, err := strconv.Atoi(first)
	return err == nil && pid > 0 && gone(pid)
}

// readOnly is the mode of a blob.
const readOnly fs.FileMode = 0o444
