package dag

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	// A run without a summary is taken to be running until its journal has been quiet for so long, if its process
	// cannot be asked. One that has not told yet what it found is waited for.
	quietRun  = 7 * 24 * time.Hour
	quietPlan = time.Hour

	planPatience = time.Minute // with a run that is planning
	planPause    = 100 * time.Millisecond
)

// recorded is what a journal says of one run, as far as a GC cares.
type recorded struct {
	id       string
	started  time.Time
	pipeline string
	whole    bool // all of its pipeline, to the end
	running  bool
	planning bool   // it has not said yet what it found
	set      string // what it found
	keys     []string
}

// mark reads the journals: what has to stay for the sake of which runs.
func (c *collection) mark(ctx context.Context) error {
	var runs []recorded
	for waited := time.Duration(0); ; waited += planPause {
		var err error
		if runs, err = c.store.recorded(c.now); err != nil {
			return err
		}
		busy := planning(runs)
		if busy == "" {
			break
		}
		if waited >= planPatience {
			return fmt.Errorf("run %s is still looking up what it needs: try again when it runs its stages", busy)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(planPause):
		}
	}
	c.used, c.roots, c.logs, c.sets, c.forgot = map[string]time.Time{}, map[string]bool{}, map[string]bool{}, map[string]bool{}, nil
	settled := map[string]bool{} // pipelines whose last whole run has been met
	for _, r := range runs {     // newest first
		keep := r.running || !settled[r.pipeline] || r.started.After(c.now.Add(-max(c.opts.Keep, c.opts.Grace)))
		settled[r.pipeline] = settled[r.pipeline] || r.whole
		if !keep {
			c.forgot = append(c.forgot, r.id)
		}
		c.sets[r.set] = c.sets[r.set] || keep
		if start := r.started.Add(-time.Minute); r.running && start.Before(c.cutoff) { // a minute: clocks differ
			c.cutoff = start
		}
		for _, k := range r.keys {
			if r.started.After(c.used[k]) {
				c.used[k] = r.started
			}
			c.roots[k] = c.roots[k] || keep
			c.logs[k] = c.logs[k] || keep
		}
	}
	return nil
}

func planning(runs []recorded) string {
	for _, r := range runs {
		if r.planning {
			return r.id
		}
	}
	return ""
}

// recorded reads all journals, newest first.
func (s *Store) recorded(now time.Time) ([]recorded, error) {
	list, err := os.ReadDir(filepath.Join(s.dir, "runs"))
	if err != nil {
		return nil, err
	}
	var runs []recorded
	for i := len(list) - 1; i >= 0; i-- {
		id, ok := strings.CutSuffix(list[i].Name(), ".jsonl")
		if !ok {
			continue
		}
		info, err := list[i].Info()
		if err != nil {
			continue // another GC removed it, or the run itself that could not be planned
		}
		entries, err := s.Journal(id)
		if err != nil && exists(s.journal(id)) {
			return nil, fmt.Errorf("%w: it cannot be told what that run needs; remove %s if nothing that it made is needed", err, s.journal(id))
		}
		runs = append(runs, digestRun(id, entries, now.Sub(info.ModTime())))
	}
	return runs, nil
}

func digestRun(id string, entries []Entry, quiet time.Duration) recorded {
	r := recorded{id: id}
	owner, part, ended, found := "", false, false, false
	if t, err := time.Parse("20060102T150405.000", id[:min(len(id), 19)]); err == nil {
		r.started = t
	}
	for _, e := range entries {
		switch e.Type {
		case lineRun:
			r.pipeline, owner, part = e.Pipeline, e.Owner, e.Part
		case lineCached:
			found, r.set = true, e.Set
			for _, k := range e.Keys {
				r.keys = append(r.keys, k)
			}
		case EventComplete, EventFailed:
			if e.Key != "" {
				r.keys = append(r.keys, e.Key)
			}
		case EventSummary:
			ended = true
			r.whole = !part && e.Summary.Skipped == 0
		}
	}
	r.running = !ended && quiet < quietRun && !abandoned(owner)
	r.planning = r.running && !found && quiet < quietPlan
	return r
}
