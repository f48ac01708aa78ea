package dag

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// Jobs that nobody waits for go once they have been silent for a week, and with them what their executors keep.
func TestGCSweepsJobsThatNobodyWaitsFor(t *testing.T) {
	for _, tt := range []struct {
		name  string
		after time.Duration
		dry   bool
		jobs  string // that are left
		kept  string // what the executor keeps
	}{
		{"at once", 0, false, "claimed dead silent", "claimed dead silent"},
		{"after a week", 8 * 24 * time.Hour, false, "claimed", "claimed"},
		{"a dry run", 8 * 24 * time.Hour, true, "claimed dead silent", "claimed dead silent"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t)
			for _, key := range []string{"silent", "claimed", "dead"} {
				r.write("store/jobs/"+key+"/X/job.json", "{}")
				r.write("store/kept/"+key, "")
			}
			r.write("store/claims/claimed", owner())
			r.write("store/claims/dead", fmt.Sprintf("%s.%d.x", hostname(), deadProcess(t)))
			s := r.engine.Store
			now := time.Now().Add(tt.after) // change times cannot be set
			c := &collection{store: s, now: now, cutoff: now}
			var went []string
			c.opts.DryRun = tt.dry
			c.opts.Left = func(stays func(string) bool) (paths []string, err error) {
				for _, key := range r.stored("kept") {
					if !stays(filepath.Join(s.jobs(key), "X")) {
						paths = append(paths, filepath.Join(s.dir, "kept", key))
						went = append(went, key)
					}
				}
				return paths, nil
			}
			if err := c.sweepJobs(); err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(r.stored("jobs"), " "); got != tt.jobs {
				t.Errorf("jobs %q are left, want %q", got, tt.jobs)
			}
			if got := strings.Join(r.stored("kept"), " "); got != tt.kept {
				t.Errorf("%q is kept for them, want %q", got, tt.kept)
			}
			if want := tt.after > 0; slices.Contains(went, "silent") != want || c.report.Leftover.Files != map[bool]int{true: 4, false: 0}[want] {
				t.Errorf("%q and %+v were told of", went, c.report.Leftover)
			}
		})
	}
}

// What a run needs that cannot be told stops a GC, which names the journal to remove.
func TestGCStopsAtARunWhoseSetIsDamaged(t *testing.T) {
	r := newRig(t)
	r.apply(ApplyOptions{Pipeline: "p"}, pair("1")...)
	r.apply(ApplyOptions{Pipeline: "p"}, pair("1")...)
	s := r.engine.Store
	runs, err := s.Runs()
	if err != nil {
		t.Fatal(err)
	}
	entries, err := s.Journal(runs[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(entries, func(e Entry) bool { return e.Set != "" })
	if err := os.Truncate(s.setFile(entries[i].Set), 1); err != nil {
		t.Fatal(err)
	}
	_, err = s.GC(context.Background(), later(GCOptions{}))
	if want := "remove " + s.journal(runs[0].ID); err == nil || !strings.Contains(err.Error(), want) {
		t.Fatalf("error %v, want %q", err, want)
	}
	if got := r.stored("actions"); len(got) != 2 {
		t.Errorf("results %q are left", got)
	}
	if err := os.Remove(s.journal(runs[0].ID)); err != nil {
		t.Fatal(err)
	}
	r.gc(later(GCOptions{}))
}
