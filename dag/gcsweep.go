package dag

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	keepQuarantine = 7 * 24 * time.Hour
	keepAway       = 7 * 24 * time.Hour  // of other executors: as long as a job shows no life
	keepUnfinished = 30 * 24 * time.Hour // what a killed action goes on from: its folder changes with each state left there
	keepForeign    = 30 * 24 * time.Hour // temporary files of another machine, which cannot be asked
)

// sweepLeftovers removes what is neither blob nor result, and no run needs.
func (c *collection) sweepLeftovers(context.Context) error {
	s := c.store
	if !c.opts.DryRun && len(c.forgot) > 0 {
		// What the forgotten journals say lives on in the index and in the times of the records.
		if err := s.saveIndex(); err != nil {
			return err
		}
		for _, h := range c.held {
			if u := c.used[h.key]; h.result != nil && !u.Before(h.used) {
				_ = os.Chtimes(s.record(h.key), u, u) // it may be gone; else it only seems less used
			}
		}
	}
	for _, id := range c.forgot {
		if info, err := os.Lstat(s.journal(id)); err == nil {
			if err := c.discard(s.journal(id), info); err != nil {
				return err
			}
		}
	}
	older := func(age time.Duration) func(string, fs.FileInfo) bool {
		return func(_ string, info fs.FileInfo) bool {
			return changed(info).Before(c.cutoff) && (age == 0 || changed(info).Before(c.now.Add(-age)))
		}
	}
	sweeps := []struct {
		folder string
		old    func(path string, info fs.FileInfo) bool
	}{
		{"tmp", func(path string, info fs.FileInfo) bool {
			return abandoned(filepath.Base(path)) || !strings.HasPrefix(filepath.Base(path), hostname()+".") && older(keepForeign)(path, info)
		}},
		{"unfinished", func(path string, info fs.FileInfo) bool {
			return exists(s.record(filepath.Base(path))) && older(0)(path, info) || older(keepUnfinished)(path, info)
		}},
		{"quarantine", older(keepQuarantine)},
		{tombs, older(keepTombs)},
		{seconds, func(path string, info fs.FileInfo) bool {
			return !exists(s.record(strings.TrimSuffix(filepath.Base(path), ".json"))) && older(0)(path, info)
		}},
		{"logs", func(path string, info fs.FileInfo) bool {
			key := strings.TrimSuffix(filepath.Base(path), ".log")
			return !c.logs[key] && !exists(s.record(key)) && older(0)(path, info)
		}},
		{"sets", func(path string, info fs.FileInfo) bool {
			return !c.sets[strings.TrimSuffix(filepath.Base(path), ".json")] && older(0)(path, info)
		}},
		{"actions", func(path string, info fs.FileInfo) bool { // torn
			_, err := s.Result(strings.TrimSuffix(filepath.Base(path), ".json"))
			return errors.Is(err, ErrNoResult) && older(0)(path, info)
		}},
	}
	for _, sweep := range sweeps {
		err := s.eachFile(sweep.folder, func(path string, info fs.FileInfo) error {
			if !sweep.old(path, info) {
				return nil
			}
			return c.discard(path, info)
		})
		if err != nil {
			return err
		}
	}
	return errors.Join(c.sweepJobs(), c.sweepClaims())
}

// sweepJobs removes the work folders of jobs on other executors that no claim holds and that have been silent for
// long, and then what the executors keep for them.
func (c *collection) sweepJobs() error {
	old := func(path string) (fs.FileInfo, bool) {
		info, err := os.Lstat(path)
		at := lastChanged(path)
		return info, err == nil && at.Before(c.cutoff) && at.Before(c.now.Add(-keepAway))
	}
	claims := c.store.keepClaims()
	defer claims.close()
	left := map[string]bool{} // jobs that go
	err := c.store.eachFile("jobs", func(path string, _ fs.FileInfo) error {
		key := filepath.Base(path)
		info, quiet := old(path)
		if !quiet || !claims.free(key) {
			return nil
		}
		if !c.opts.DryRun { // an apply may be about to take the job up
			if held, err := claims.take(key); err != nil || !held {
				return err
			}
			defer claims.release(key)
		}
		left[path] = true
		return c.discard(path, info)
	})
	if err != nil || c.opts.Left == nil {
		return err
	}
	paths, err := c.opts.Left(func(job string) bool { return exists(job) && !left[filepath.Dir(job)] })
	for _, path := range paths {
		if info, quiet := old(path); quiet {
			err = errors.Join(err, c.discard(path, info))
		}
	}
	return err
}

// lastChanged is when a file, or the folder or anything in it, was last changed.
func lastChanged(path string) (last time.Time) {
	_ = filepath.WalkDir(path, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // it goes away just now
		}
		if info, err := d.Info(); err == nil && changed(info).After(last) {
			last = changed(info)
		}
		return nil
	})
	return last
}

// sweepClaims removes the claims of processes that are gone, as a run does that wants to have them.
func (c *collection) sweepClaims() error {
	taker := &claims{store: c.store, seen: map[string]sighting{}, now: time.Now}
	return c.store.eachFile("claims", func(path string, info fs.FileInfo) error {
		if gone, err := taker.stale(path); err != nil || !gone {
			return err
		}
		c.report.Leftover.add(info.Size())
		if c.opts.DryRun {
			return nil
		}
		_, err := taker.evict(path)
		return err
	})
}

// discard removes a file or folder and counts it.
func (c *collection) discard(path string, info fs.FileInfo) error {
	size := info.Size()
	if info.IsDir() {
		size = 0
		_ = filepath.WalkDir(path, func(_ string, d fs.DirEntry, err error) error { // for the count only
			if err != nil || d.IsDir() {
				return nil //nolint:nilerr // what cannot be read is not counted
			}
			if i, err := d.Info(); err == nil {
				size += i.Size()
			}
			return nil
		})
	}
	c.report.Leftover.add(size)
	if c.opts.DryRun {
		return nil
	}
	return os.RemoveAll(path)
}
