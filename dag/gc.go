package dag

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// GCOptions say what a GC keeps.
type GCOptions struct {
	Keep    time.Duration // results of runs younger than this
	Grace   time.Duration // nothing younger than this is removed, whoever needs it
	MaxSize int64         // bytes: what nothing needs is removed down to this size only; 0: all of it
	DryRun  bool
	// Left, if set, lists what executors keep in the store. stays says of the work folder of a job whether it does.
	Left func(stays func(job string) bool) ([]string, error)
}

// GCReport says what a GC removed, or would remove.
type GCReport struct {
	Stages   []GCStage `json:"stages"`   // most bytes first
	Orphans  GCStage   `json:"orphans"`  // blobs that no result names: a killed run or GC left them
	Leftover GCStage   `json:"leftover"` // temporary files, old quarantine, journals and logs of forgotten runs, jobs that nobody waits for
	Removed  int64     `json:"removed"`  // bytes, of all these
	Kept     int64     `json:"kept"`     // bytes of blobs
	Results  int       `json:"results"`  // that are kept
	DryRun   bool      `json:"dry_run"`
}

// GCStage counts what was removed of one stage.
type GCStage struct {
	Stage   string `json:"stage,omitempty"`
	Results int    `json:"results,omitempty"`
	Files   int    `json:"files"`
	Bytes   int64  `json:"bytes"`
}

func (g *GCStage) add(bytes int64) { g.Files, g.Bytes = g.Files+1, g.Bytes+bytes }

// collection is one GC. A result leaves in this order: its record becomes a tombstone, the journals are read again
// for runs that have begun since and need it (then it comes back), and only then its blobs go. An apply writes its
// journal's first line before it looks anything up, and the line of what it found before it runs anything: so it
// either finds no record, or is found. A kill in the middle leaves blobs without a record, which the next GC removes.
type collection struct {
	store   *Store
	opts    GCOptions
	now     time.Time            // of the file system's clock
	cutoff  time.Time            // what was changed later stays
	used    map[string]time.Time // key -> when a run last named it
	roots   map[string]bool      // keys
	logs    map[string]bool      // keys whose logs stay
	sets    map[string]bool      // names of those that stay
	forgot  []string             // runs
	blobs   map[string]blobInfo
	refs    map[string]int // blob -> how many holders name it
	held    []*holding
	victims []*holding
	report  GCReport
}

type blobInfo struct {
	size    int64
	changed time.Time
}

// GC removes what no root needs, least recently used first. Roots are the last whole run of each pipeline and what
// was run after it, runs younger than opts.Keep, running ones, pins, and what is published. It may run beside applies.
func (s *Store) GC(ctx context.Context, opts GCOptions) (*GCReport, error) {
	c := &collection{store: s, opts: opts, report: GCReport{DryRun: opts.DryRun, Stages: []GCStage{}}}
	steps := []func(context.Context) error{c.clock, c.mark, c.inventory, c.choose}
	if !opts.DryRun {
		steps = append(steps, c.evict)
	}
	for _, step := range append(steps, c.sweepBlobs, c.sweepLeftovers) {
		if err := step(ctx); err != nil {
			return nil, withRemedy(fmt.Errorf("gc: %w", err))
		}
	}
	r := &c.report
	r.Removed = r.Orphans.Bytes + r.Leftover.Bytes
	for _, st := range r.Stages {
		r.Removed += st.Bytes
	}
	slices.SortFunc(r.Stages, func(a, b GCStage) int { return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Stage, b.Stage)) })
	return r, nil
}

// clock asks the file system what time it is, since that is what its change times are made of.
func (c *collection) clock(context.Context) error {
	tmp, err := c.store.temp()
	if err != nil {
		return err
	}
	if err := writeFile(tmp, false, contents(nil)); err != nil {
		return err
	}
	defer os.Remove(tmp)
	info, err := os.Lstat(tmp)
	if err != nil {
		return err
	}
	c.now = changed(info)
	c.cutoff = c.now.Add(-c.opts.Grace)
	return nil
}

// changed is when a file was last written, linked, renamed, or had its mode set.
func changed(info fs.FileInfo) time.Time {
	st := stampOf(info)
	return time.Unix(0, max(st.ctime, st.mtime))
}

// inventory lists the blobs, and who names them.
func (c *collection) inventory(context.Context) error {
	c.blobs, c.refs = map[string]blobInfo{}, map[string]int{}
	err := c.store.eachFile("cas/*", func(path string, info fs.FileInfo) error {
		c.blobs[filepath.Base(path)] = blobInfo{info.Size(), changed(info)}
		return nil
	})
	if err != nil {
		return err
	}
	if c.held, err = c.store.holdings(); err != nil {
		return err
	}
	published := map[Digest]bool{}
	err = c.store.eachFile("published", func(path string, _ fs.FileInfo) error {
		raw, err := os.ReadFile(path)
		for _, d := range strings.Fields(string(raw)) {
			published[Digest(d)] = true
		}
		return err
	})
	if err != nil {
		return err
	}
	w := &blobWalk{store: c.store, seen: map[Digest][]string{}}
	for _, h := range c.held {
		w.fill(h)
		for _, hex := range h.blobs {
			c.refs[hex]++
		}
		if h.result == nil {
			continue
		}
		for _, o := range h.result.Outputs {
			if published[o.Digest] {
				c.roots[h.key] = true
			}
		}
	}
	for d := range published {
		for _, hex := range w.artifact(d) {
			c.refs[hex]++
		}
	}
	return c.store.eachFile("pins", func(path string, _ fs.FileInfo) error {
		c.roots[filepath.Base(path)] = true
		return nil
	})
}

// choose picks the victims.
func (c *collection) choose(context.Context) error {
	var total int64
	for hex, b := range c.blobs {
		if c.refs[hex] > 0 || b.changed.After(c.cutoff) {
			total += b.size
		}
	}
	var candidates []*holding
	for _, h := range c.held {
		if h.result == nil {
			continue
		}
		if u := c.used[h.key]; u.After(h.used) {
			h.used = u
		}
		if !c.roots[h.key] && h.changed.Before(c.cutoff) {
			candidates = append(candidates, h)
		}
		c.report.Results++
	}
	slices.SortFunc(candidates, func(a, b *holding) int { return cmp.Or(a.used.Compare(b.used), cmp.Compare(a.key, b.key)) })
	for _, h := range candidates {
		if c.opts.MaxSize > 0 && total <= c.opts.MaxSize {
			break
		}
		c.victims = append(c.victims, h)
		total -= c.drop(h)
	}
	return nil
}

// drop takes a victim's outputs off the counts and gives the bytes that nothing else names. What explains it stays
// with its tombstone.
func (c *collection) drop(h *holding) int64 {
	for _, hex := range h.blobs[len(h.describing):] {
		if c.refs[hex]--; c.refs[hex] == 0 {
			if b, ok := c.blobs[hex]; ok && !b.changed.After(c.cutoff) {
				h.alone = append(h.alone, hex)
				h.bytes += b.size
			}
		}
	}
	return h.bytes
}

func (c *collection) stage(name string) *GCStage {
	for i := range c.report.Stages {
		if c.report.Stages[i].Stage == name {
			return &c.report.Stages[i]
		}
	}
	c.report.Stages = append(c.report.Stages, GCStage{Stage: name})
	return &c.report.Stages[len(c.report.Stages)-1]
}

// evict makes tombstones of the victims' records, and takes back those that a run has asked for since.
func (c *collection) evict(ctx context.Context) error {
	if len(c.victims) == 0 {
		return nil
	}
	for _, h := range c.victims {
		if err := c.store.entomb(h.key); err != nil {
			return err
		}
	}
	failed := c.mark(ctx)
	var gone []*holding
	for _, h := range c.victims {
		if failed == nil && !c.roots[h.key] {
			gone = append(gone, h)
			continue
		}
		if err := c.store.exhume(h.key); err != nil {
			return errors.Join(failed, err)
		}
		for _, hex := range h.blobs[len(h.describing):] {
			c.refs[hex]++
		}
	}
	c.victims = gone
	return failed
}

// sweepBlobs removes the blobs that nothing names. Their age is looked at again just before: a run that is about to
// name one makes it young.
func (c *collection) sweepBlobs(context.Context) error {
	owner := map[string]*GCStage{}
	for _, h := range c.victims {
		c.stage(h.stage()) // all of them, before pointers are taken
	}
	for _, h := range c.victims {
		stage := c.stage(h.stage())
		stage.Results++
		for _, hex := range h.alone {
			owner[hex] = stage
		}
	}
	c.report.Results -= len(c.victims)
	for hex, b := range c.blobs {
		kept := c.refs[hex] > 0 || b.changed.After(c.cutoff)
		if !kept && !c.opts.DryRun {
			var err error
			if kept, err = c.remove(hex); err != nil {
				return err
			}
		}
		switch stage := owner[hex]; {
		case kept:
			c.report.Kept += b.size
		case stage != nil:
			stage.add(b.size)
		default:
			c.report.Orphans.add(b.size)
		}
	}
	return nil
}

// remove removes a blob, unless it has become young.
func (c *collection) remove(hex string) (kept bool, err error) {
	path := c.store.blob(hex)
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return true, err
	case changed(info).After(c.cutoff):
		return true, nil
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return true, err
	}
	return false, nil
}
