package dag

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestErrorsOfTheMachineComeWithARemedy(t *testing.T) {
	tests := map[error]string{
		syscall.ENOSPC: "pipe gc",
		syscall.EDQUOT: "pipe gc",
		syscall.EFBIG:  "ulimit -f",
		syscall.EROFS:  "PIPE_CACHE",
		syscall.EACCES: "PIPE_CACHE",
		syscall.EPERM:  "PIPE_CACHE",
		syscall.EMFILE: "ulimit -n",
		syscall.EXDEV:  "one file system",
	}
	for cause, remedy := range tests {
		err := withRemedy(withRemedy(fmt.Errorf("journal: %w", &fs.PathError{Op: "write", Path: "/store/x", Err: cause})))
		text := err.Error()
		if !errors.Is(err, cause) || !strings.HasPrefix(text, "journal: write /store/x: ") || strings.Count(text, remedy) != 1 {
			t.Errorf("%v: %q", cause, text)
		}
	}
	for _, err := range []error{nil, os.ErrNotExist, &ActionError{Class: ClassError, Message: "no space left on device"}} {
		if got := withRemedy(err); got != err { //nolint:errorlint // the very same
			t.Errorf("%v became %v", err, got)
		}
	}
}

// full makes a path of the store one that can be opened, and not written to for want of space.
func (r *rig) full(path string) {
	r.Helper()
	os.Remove(path)
	if err := os.Symlink("/dev/full", path); err != nil {
		r.Fatal(err)
	}
}

func TestFullDiskAtTheLog(t *testing.T) {
	r := newRig(t)
	nodes := pair("1")
	log := r.engine.Store.logFile(r.keyOf("a", nodes))
	r.full(log)
	sum := r.apply(ApplyOptions{}, nodes...)
	r.counts(sum, 2, 0, 0, 1, 1)
	if m := sum.Failures[0].Message; !strings.Contains(m, "no space left on device") || !strings.Contains(m, "remove old results with pipe gc") || !strings.Contains(m, "logs") {
		t.Errorf("message %q", m)
	}
	os.Remove(log)
	r.counts(r.apply(ApplyOptions{}, nodes...), 2, 0, 2, 0, 0)
}

// A journal that cannot be written stops the run: nothing is done that is not recorded.
func TestFullDiskAtTheJournal(t *testing.T) {
	r := newRig(t)
	full := false
	sum, err := r.engine.Apply(context.Background(), r.graph(pair("1")...), nil, ApplyOptions{Parallelism: 1}, func(e Event) {
		if e.Type == EventPlan && !full {
			full = true
			r.exhaust()
		}
	})
	if err == nil || !strings.Contains(err.Error(), "journal: ") || !strings.Contains(err.Error(), "no space left on device") {
		t.Errorf("error %v", err)
	}
	if sum == nil || sum.Executed == 2 {
		t.Errorf("summary %+v", sum)
	}
	r.engine = r.open()
	if sum := r.apply(ApplyOptions{}, pair("1")...); sum.Failed+sum.Skipped > 0 {
		t.Errorf("afterwards %+v", sum)
	}
}

// exhaust makes the open journal of this process a file that cannot grow.
func (r *rig) exhaust() {
	r.Helper()
	runs := filepath.Join(r.engine.Store.dir, "runs")
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		r.Fatal(err)
	}
	defer full.Close()
	fds, _ := filepath.Glob("/proc/self/fd/*")
	for _, fd := range fds {
		var n int
		if to, err := os.Readlink(fd); err == nil && filepath.Dir(to) == runs {
			fmt.Sscan(filepath.Base(fd), &n)
			if err := syscall.Dup3(int(full.Fd()), n, syscall.O_CLOEXEC); err != nil {
				r.Fatal(err)
			}
		}
	}
}

// The line that a full disk cut off is lost, and no other.
func TestATornJournalLineSpoilsNoOther(t *testing.T) {
	r := newRig(t)
	s := r.engine.Store
	j, err := s.begin(ApplyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	j.file.WriteString(`{"type":"action_comp`)
	j.torn = true
	for range 2 {
		if err := j.event(Event{Type: EventComplete, Address: "a", Key: "k"}); err != nil {
			t.Fatal(err)
		}
	}
	j.file.Close()
	entries, err := s.Journal(j.id)
	if err != nil || len(entries) != 3 || entries[2].Key != "k" {
		t.Errorf("%+v, %v", entries, err)
	}
}

func TestTornFilesCostOnlyTheirWork(t *testing.T) {
	nodes := append(pair("1"), node("c", "concat", "C", "b"))
	for _, folder := range []string{"actions", "cas/*", "claims", "logs", "runs", "published", "."} {
		r := newRig(t)
		pub := []Publication{{Name: "c", Ref: Ref{"c", "out"}, Path: filepath.Join(r.dir, "pub")}}
		r.apply(ApplyOptions{}, nodes...)
		r.write("store/claims/"+hashBytes(nil), owner())
		err := r.engine.Store.eachFile(folder, func(path string, info fs.FileInfo) error {
			if info.IsDir() {
				return nil
			}
			os.Chmod(path, 0o644)
			return os.Truncate(path, info.Size()/2)
		})
		if err != nil {
			t.Fatal(err)
		}
		r.engine = r.open()
		sum, err := r.engine.Apply(context.Background(), r.graph(nodes...), pub, ApplyOptions{}, nil)
		if err != nil || sum.Failed+sum.Skipped > 0 {
			t.Errorf("%s: %+v, %v", folder, sum, err)
		}
		if got := readAll(pub[0].Path); got != "C|B|1" {
			t.Errorf("%s: published %q", folder, got)
		}
		r.counts(r.apply(ApplyOptions{}, nodes...), 3, 3, 0, 0, 0)
	}
}
