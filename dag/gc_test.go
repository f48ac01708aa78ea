package dag

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func (r *rig) gc(opts GCOptions) *GCReport {
	r.Helper()
	rep, err := r.engine.Store.GC(context.Background(), opts)
	if err != nil {
		r.Fatal(err)
	}
	return rep
}

// later lets a GC take all that the store holds for old: change times cannot be set.
func later(opts GCOptions) GCOptions { opts.Grace = -time.Hour; return opts }

func (r *rig) stored(folder string) []string {
	r.Helper()
	var names []string
	err := r.engine.Store.eachFile(folder, func(path string, _ os.FileInfo) error {
		names = append(names, filepath.Base(path))
		return nil
	})
	if err != nil {
		r.Fatal(err)
	}
	return names
}

// pair is a producer and its reader, whose texts hold v.
func pair(v string) []*Node {
	return []*Node{node("a", "text", v), node("b", "concat", "B", "a")}
}

func TestGCKeepsWhatRootsNeed(t *testing.T) {
	tests := []struct {
		name    string
		opts    GCOptions
		between func(r *rig) // after version 1 and version 2 were applied
		kept    []string     // versions whose results are still there
	}{
		{"the last run of a pipeline", GCOptions{}, func(*rig) {}, []string{"2"}},
		{"what is young", GCOptions{Keep: time.Hour}, func(*rig) {}, []string{"1", "2"}},
		{"what is within its grace", GCOptions{Grace: 2 * time.Hour}, func(*rig) {}, []string{"1", "2"}},
		{"what fits", GCOptions{MaxSize: 1 << 30}, func(*rig) {}, []string{"1", "2"}},
		{"a dry run", GCOptions{DryRun: true}, func(*rig) {}, []string{"1", "2"}},
		{"another pipeline", GCOptions{}, func(r *rig) { r.apply(ApplyOptions{Pipeline: "other"}, pair("1")...) }, []string{"1", "2"}},
		{"a run of targets is not the last", GCOptions{}, func(r *rig) {
			r.apply(ApplyOptions{Pipeline: "p", PlanOptions: PlanOptions{Target: []string{"a"}}}, pair("3")...)
		}, []string{"2", "3"}},
		{"a run that skipped is not the last", GCOptions{}, func(r *rig) {
			bad := pair("1")
			bad[0].Type = "fail"
			r.apply(ApplyOptions{Pipeline: "p"}, bad...)
		}, []string{"2"}},
		{"a pin", GCOptions{}, func(r *rig) {
			for _, n := range pair("1") {
				if err := r.engine.Store.Pin(r.keyOf(n.Address, pair("1")), n.Address); err != nil {
					r.Fatal(err)
				}
			}
		}, []string{"1", "2"}},
		{"a pin that was given up", GCOptions{}, func(r *rig) {
			r.engine.Store.Pin(r.keyOf("a", pair("1")), "a")
			if n, err := r.engine.Store.Unpin("a"); n != 1 || err != nil {
				r.Fatal(n, err)
			}
		}, []string{"2"}},
		{"a running run", GCOptions{}, func(r *rig) {
			j, err := r.engine.Store.begin(ApplyOptions{Pipeline: "p"})
			if err != nil {
				r.Fatal(err)
			}
			set, err := r.engine.Store.keepSet(map[string]string{"a": r.keyOf("a", pair("1")), "b": r.keyOf("b", pair("1"))})
			if err := errors.Join(err, j.cached(set), j.file.Close()); err != nil {
				r.Fatal(err)
			}
		}, []string{"1", "2"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t)
			for _, v := range []string{"1", "2"} {
				r.apply(ApplyOptions{Pipeline: "p"}, pair(v)...)
			}
			tt.between(r)
			if tt.opts.Grace == 0 {
				tt.opts = later(tt.opts)
			}
			before := len(r.stored("cas/*"))
			rep := r.gc(tt.opts)
			var kept []string
			for _, v := range []string{"1", "2", "3"} {
				if r.planned("a", pair(v)...).State == StateCached {
					kept = append(kept, v)
				}
			}
			if !slices.Equal(kept, tt.kept) {
				t.Errorf("kept versions %q, want %q; %+v", kept, tt.kept, rep)
			}
			gone := rep.Orphans.Files
			for _, s := range rep.Stages {
				gone += s.Files
			}
			if now := len(r.stored("cas/*")); !tt.opts.DryRun && before-now != gone {
				t.Errorf("%d blobs went, %d were reported", before-now, gone)
			}
			if wantGone := len(tt.kept) < 2 || tt.opts.DryRun; (gone > 0) != wantGone && tt.name != "a run of targets is not the last" {
				t.Errorf("reported %+v", rep.Stages)
			}
			r.counts(r.apply(ApplyOptions{}, pair("2")...), 2, 2, 0, 0, 0)
		})
	}
}

// keyOf is the key of a node whose inputs are in the store.
func (r *rig) keyOf(address string, nodes []*Node) string { return r.planned(address, nodes...).Key }

func TestGCRemovesTheLeastRecentlyUsedFirst(t *testing.T) {
	r := newRig(t)
	big := strings.Repeat("x", 10000)
	for _, v := range []string{"1", "2", "3", "1", "4"} { // 2 is the one not used for longest
		r.apply(ApplyOptions{Pipeline: "p"}, node("a", "text", v+big))
	}
	r.gc(later(GCOptions{MaxSize: 1 << 30})) // forgets the journals
	if runs, err := r.engine.Store.Runs(); len(runs) != 1 || err != nil {
		t.Errorf("%d runs, %v", len(runs), err)
	}
	r.gc(later(GCOptions{MaxSize: 75000}))
	for v, want := range map[string]string{"1": StateCached, "2": StateRun, "3": StateCached, "4": StateCached} {
		p := r.planned("a", node("a", "text", v+big))
		if p.State != want {
			t.Errorf("version %s: %s (%s), want %s", v, p.State, p.Reason, want)
		}
	}
}

func TestWhyTellsOfAnEviction(t *testing.T) {
	r := newRig(t)
	r.apply(ApplyOptions{Pipeline: "p"}, pair("1")...)
	r.apply(ApplyOptions{Pipeline: "p"}, node("c", "text", "another"))
	r.gc(later(GCOptions{}))
	for _, again := range []bool{false, true} {
		x, err := r.engine.Why(context.Background(), r.graph(pair("1")...), "a")
		if err != nil || len(x.Changes) != 1 || x.Changes[0].Kind != ChangeEvicted || !strings.Contains(x.Reason, "evicted by gc at 20") {
			t.Errorf("again %v: %+v, %v", again, x, err)
		}
		r.gc(later(GCOptions{})) // the journal was forgotten, not what it said
		r.engine = r.open()
	}
	if p := r.planned("a", pair("2")...); !strings.Contains(p.Reason, "text: ") {
		t.Errorf("reason %q", p.Reason)
	}
	r.counts(r.apply(ApplyOptions{}, pair("1")...), 2, 0, 2, 0, 0)
}

func TestGCSweepsLeftovers(t *testing.T) {
	r := newRig(t)
	r.apply(ApplyOptions{Pipeline: "p"}, pair("1")...)
	r.apply(ApplyOptions{Pipeline: "p"}, pair("2")...)
	dead := fmt.Sprintf("%s.%d.x", hostname(), deadProcess(t))
	r.write("store/tmp/"+dead+"/1", "half")
	r.write("store/tmp/"+owner()+"/1", "of a live process")
	r.write("store/claims/"+hashBytes(nil), dead)
	r.write("store/claims/"+hashBytes([]byte("live")), owner())
	r.write("store/actions/torn.json", "{")
	res, err := r.engine.Store.LastResult("a")
	if err != nil {
		t.Fatal(err)
	}
	r.write("store/unfinished/"+res.Key+"/state", "of what has ended")
	r.write("store/unfinished/"+hashBytes(nil)+"/state", "of what will go on")
	orphan := hashBytes([]byte("orphan"))
	r.write("store/cas/"+orphan[:2]+"/"+orphan, "orphan")
	rep := r.gc(later(GCOptions{}))
	if rep.Orphans.Files != 1 || rep.Orphans.Bytes != 6 {
		t.Errorf("orphans %+v", rep.Orphans)
	}
	for folder, want := range map[string]int{"tmp": 2, "claims": 1, "actions": 2, "runs": 1, "logs": 2, "unfinished": 1} { // tmp: and this process's own
		if got := r.stored(folder); len(got) != want {
			t.Errorf("%s holds %q, want %d", folder, got, want)
		}
	}
	again := r.gc(later(GCOptions{}))
	if again.Removed != 0 {
		t.Errorf("a second GC removes %+v", again)
	}
}

// Applies run in a loop, each in another version of the graph, beside GCs that keep nothing but what runs and the last
// run: none ever fails, and each ends with the right content.
func TestGCBesideApplies(t *testing.T) {
	r := newRig(t)
	stop, removed := make(chan struct{}), int64(0)
	var collecting sync.WaitGroup
	collecting.Go(func() {
		s, err := Open(filepath.Join(r.dir, "store"))
		if err != nil {
			t.Error(err)
			return
		}
		defer s.Close()
		for {
			select {
			case <-stop:
				return
			default:
			}
			rep, err := s.GC(context.Background(), GCOptions{})
			if err != nil {
				t.Error(err)
				return
			}
			removed += rep.Removed
		}
	})
	pub := []Publication{{Name: "c", Ref: Ref{"c", "out"}, Path: filepath.Join(r.dir, "pub")}}
	evicted := 0
	for i := range 60 {
		v := fmt.Sprint(i % 3)
		nodes := append(pair(v), node("c", "concat", "C", "b"))
		sum, err := r.engine.Apply(context.Background(), r.graph(nodes...), pub, ApplyOptions{Pipeline: "p"}, nil)
		if err != nil || sum.Failed+sum.Skipped > 0 {
			t.Fatalf("version %s: %+v, %v", v, sum, err)
		}
		if got := readAll(pub[0].Path); got != "C|B|"+v {
			t.Errorf("version %s made %q", v, got)
		}
		if i >= 3 {
			evicted += sum.Executed
		}
	}
	close(stop)
	collecting.Wait()
	t.Logf("%d bytes were removed, %d actions ran again", removed, evicted)
}

// collector is a process of its own that collects until it is killed.
func collector() {
	s, err := Open(os.Getenv(storeEnv))
	if err != nil {
		panic(err)
	}
	for {
		if _, err := s.GC(context.Background(), later(GCOptions{})); err != nil {
			panic(err)
		}
	}
}

func TestKilledGCLosesNothingThatIsNeeded(t *testing.T) {
	r := newRig(t)
	for i := range 8 {
		for v := range 4 {
			r.apply(ApplyOptions{Pipeline: "p"}, pair(fmt.Sprint(v))...)
		}
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), roleEnv+"=collector", storeEnv+"="+filepath.Join(r.dir, "store"))
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(i*3) * time.Millisecond)
		cmd.Process.Signal(syscall.SIGKILL)
		cmd.Wait()
		r.engine = r.open()
		r.counts(r.apply(ApplyOptions{Pipeline: "p"}, pair("3")...), 2, 2, 0, 0, 0)
	}
	r.gc(later(GCOptions{}))
	if got := r.stored("actions"); len(got) != 2 {
		t.Errorf("results %q are left", got)
	}
	if _, err := r.engine.Store.LastResult("a"); errors.Is(err, ErrNoResult) {
		t.Error(err)
	}
}
