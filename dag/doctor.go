package dag

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// The states of a Check.
const (
	CheckOK   = "ok"
	CheckWarn = "warn"
	CheckFail = "fail"
)

// Check is one thing that was looked at.
type Check struct {
	Name   string `json:"name"`
	State  string `json:"state"`
	Text   string `json:"text"`
	Remedy string `json:"remedy,omitempty"` // unless it is ok
}

// OK is a check that found nothing wrong.
func OK(name, format string, args ...any) Check {
	return Check{Name: name, State: CheckOK, Text: fmt.Sprintf(format, args...)}
}

func warn(name, remedy, format string, args ...any) Check {
	return Check{name, CheckWarn, fmt.Sprintf(format, args...), remedy}
}

func fail(name, remedy, format string, args ...any) Check {
	return Check{name, CheckFail, fmt.Sprintf(format, args...), remedy}
}

const (
	leastDisk   = 1 << 30         // bytes free, below which it is worth a word
	clockOff    = 2 * time.Second // between the file system and this machine: the stat cache trusts in less
	leastMemory = 1 << 30         // bytes
)

// Machine says what the scheduler packs.
func Machine() []Check {
	cores := OK("processors", "%d of %d, as the scheduler sees them", runtime.GOMAXPROCS(0), runtime.NumCPU())
	switch memory := machineMemory(); {
	case memory == 0:
		return []Check{cores, warn("memory", "state what stages need with resources { memory }, and run fewer at once with -parallelism", "its size cannot be told on this system")}
	case memory < leastMemory:
		return []Check{cores, warn("memory", "give the container more, or run one stage at a time with -parallelism 1", "only %s, as the scheduler sees it", bytesText(memory))}
	default:
		return []Check{cores, OK("memory", "%s, as the scheduler sees it", bytesText(memory))}
	}
}

func bytesText(n int64) string {
	if n < 1<<30 {
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
}

// Checkup looks at the store, its file system, and what runs have left there.
func (s *Store) Checkup() []Check {
	checks := []Check{s.checkSize(), s.checkDisk()}
	write := s.checkWrite()
	checks = append(checks, write)
	if write.State == CheckOK {
		checks = append(checks, s.checkLinks(), s.checkClock())
	}
	return append(checks, s.checkRuns(), s.checkQuarantine())
}

func (s *Store) checkSize() Check {
	var blobs, results int
	var bytes int64
	err := errors.Join(
		s.eachFile("cas/*", func(_ string, info fs.FileInfo) error { blobs, bytes = blobs+1, bytes+info.Size(); return nil }),
		s.eachFile("actions", func(string, fs.FileInfo) error { results++; return nil }))
	if err != nil {
		return fail("store", "give yourself the right to read it, or choose another with -cache or PIPE_CACHE", "%s: %v", s.dir, err)
	}
	return OK("store", "%s: %d results, %d blobs, %s", s.dir, results, blobs, bytesText(bytes))
}

func (s *Store) checkDisk() Check {
	free, ok := freeDisk(s.dir)
	switch {
	case !ok:
		return warn("disk", "look at it yourself (df)", "its free space cannot be told on this system")
	case free < leastDisk:
		return warn("disk", "free some space, or remove old results with pipe gc", "%s free where the store is", bytesText(free))
	}
	return OK("disk", "%s free where the store is", bytesText(free))
}

// checkWrite does what publishing does: write, sync, rename over a name, sync the folder.
func (s *Store) checkWrite() Check {
	const remedy = "apply cannot run on this store (plan, why, show, runs and logs can): give yourself the right to write, or choose another with -cache or PIPE_CACHE"
	path, err := s.temp()
	if err != nil {
		return fail("writing", remedy, "%v", err)
	}
	defer os.Remove(path)
	for _, text := range []string{"old", "new"} {
		if err := s.write(path, true, contents([]byte(text))); err != nil {
			return fail("writing", remedy, "%v", err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil || string(got) != "new" {
		return fail("writing", "use a file system on which rename replaces a file, with -cache or PIPE_CACHE", "a renamed file holds %q, %v", got, err)
	}
	if err := syncDir(filepath.Dir(path)); err != nil {
		return warn("writing", "after a power failure, run pipe verify", "a folder cannot be synced here: %v", err)
	}
	return OK("writing", "write, fsync and rename work")
}

// checkLinks says how inputs get into work folders. Claims are hard links.
func (s *Store) checkLinks() Check {
	from, err := s.temp()
	if err == nil {
		err = writeFile(from, false, contents([]byte("x")))
	}
	if err != nil {
		return fail("links", "see the check of writing", "%v", err)
	}
	defer os.Remove(from)
	to := from + ".link"
	defer os.Remove(to)
	cloned := s.clone(to, from)
	os.Remove(to)
	if err := os.Link(from, to); err != nil {
		return fail("links", "two applies at once need hard links: use another file system with -cache or PIPE_CACHE", "no hard links: %v", err)
	}
	if os.Link(from, to) == nil {
		return fail("links", "two applies at once would both claim an action: use another file system with -cache or PIPE_CACHE", "a hard link replaces a name that is there")
	}
	if cloned {
		return OK("links", "reflinks: stages get their own copies of inputs for nothing")
	}
	return OK("links", "hard links, no reflinks: stages get read-only links to inputs")
}

func (s *Store) checkClock() Check {
	path, err := s.temp()
	if err == nil {
		err = writeFile(path, false, contents(nil))
	}
	if err != nil {
		return fail("clock", "see the check of writing", "%v", err)
	}
	defer os.Remove(path)
	info, err := os.Lstat(path)
	if err != nil {
		return fail("clock", "see the check of writing", "%v", err)
	}
	off := time.Since(changed(info)).Round(time.Millisecond)
	if off > clockOff || off < -clockOff {
		return warn("clock", "set the clocks of this machine and the file server (ntp): a file that is edited twice in quick succession may go unnoticed",
			"the file system's differs from this machine's by %v", off)
	}
	return OK("clock", "the file system's and this machine's agree")
}

// checkRuns looks for what killed runs have left. The next apply takes over and sweeps.
func (s *Store) checkRuns() Check {
	var running, folders, claims int
	err := errors.Join(
		s.eachFile("tmp", func(path string, _ fs.FileInfo) error {
			if abandoned(filepath.Base(path)) {
				folders++
			}
			return nil
		}),
		s.eachFile("claims", func(path string, _ fs.FileInfo) error {
			who, err := os.ReadFile(path)
			if abandoned(string(who)) {
				claims++
			}
			return err
		}))
	runs, rerr := s.recorded(time.Now())
	if err = errors.Join(err, rerr); err != nil {
		return warn("runs", "give yourself the right to read the store", "%v", err)
	}
	for _, r := range runs {
		if r.running {
			running++
		}
	}
	if folders+claims > 0 {
		return warn("runs", "nothing has to be done: the next apply, or pipe gc, removes it",
			"killed runs left %d temporary folders and %d claims; %d runs are running", folders, claims, running)
	}
	return OK("runs", "%d recorded, %d running, nothing left by killed ones", len(runs), running)
}

func (s *Store) checkQuarantine() Check {
	n := 0
	if err := s.eachFile("quarantine", func(string, fs.FileInfo) error { n++; return nil }); err != nil {
		return warn("quarantine", "give yourself the right to read the store", "%v", err)
	}
	if n > 0 {
		return warn("quarantine", "run pipe verify; if it goes on, look for a stage that writes to its inputs, or test the disk and the memory",
			"%d corrupt files in %s; pipe gc removes them after a week", n, filepath.Join(s.dir, "quarantine"))
	}
	return OK("quarantine", "empty: no stored file was found corrupt")
}
