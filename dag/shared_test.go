package dag

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pipe-ml/pipe/dag/remote"
	"github.com/pipe-ml/pipe/dag/remote/remotetest"
)

// lab is a server and a study that several machines work at: a makes a folder, b reads it, c reads b and is published.
type lab struct {
	*testing.T
	server *remotetest.Server
	nodes  []*Node
}

func newLab(t *testing.T) *lab {
	s := remotetest.Start()
	t.Cleanup(s.Close)
	a := node("a", "tree", "")
	a.Outputs[0].Path = "out"
	a.Config = map[string]any{"files": map[string]any{"run.sh": "go", "sub/data.txt": "data", "sub/empty": ""}}
	b, c := node("b", "modes", "", "a"), node("c", "concat", "C")
	return &lab{t, s, []*Node{a, b, gathering(c, "g"), group("g", "b")}}
}

// machine is one machine of the lab, with a store of its own.
func (l *lab) machine() *rig {
	l.Helper()
	r := newRig(l.T)
	l.connect(r)
	return r
}

// connect gives the machine's engine a new client, as a new process has.
func (l *lab) connect(r *rig) {
	r.engine.Remote, r.engine.Push = remote.New(remote.Config{URL: l.server.URL, TokenEnv: "TOKEN"}, "right"), true
	r.engine.Remote.Pause, r.engine.Remote.Silence = time.Millisecond, time.Minute
}

// apply runs the study and gives what was published of c.
func (l *lab) apply(r *rig, nodes ...*Node) (*Summary, string) {
	l.Helper()
	if nodes == nil {
		nodes = l.nodes
	}
	path := filepath.Join(r.dir, "figure.txt")
	pub := Publication{Name: "figure", Ref: Ref{"c", "out"}, Path: path}
	r.events = nil
	sum, err := r.engine.Apply(context.Background(), r.graph(nodes...), []Publication{pub}, ApplyOptions{Parallelism: 8}, func(e Event) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.events = append(r.events, e)
	})
	if err != nil {
		l.Fatal(err)
	}
	return sum, readAll(path)
}

// of gives the events of a type.
func (r *rig) of(typ string) []Event {
	return slices.DeleteFunc(slices.Clone(r.events), func(e Event) bool { return e.Type != typ })
}

// warned checks how often it was warned, and of what.
func (r *rig) warned(n int, text string) {
	r.Helper()
	w := r.of(EventWarning)
	if len(w) != n || n > 0 && !strings.Contains(w[0].Message, text) {
		r.Errorf("%d warnings, want %d of %q: %v", len(w), n, text, w)
	}
}

const (
	listing = "run.sh true\ndata.txt false\nempty false\n"
	figure  = "C|name=b:" + listing
)

// arrived is how many blobs a store holds of those that an instance made.
func (r *rig) arrived(address string) (here, all int) {
	r.Helper()
	res, err := r.engine.Store.LastResult(address)
	if err != nil {
		r.Fatal(err)
	}
	for _, o := range res.Outputs {
		for _, hex := range (&blobWalk{store: r.engine.Store, seen: map[Digest][]string{}}).artifact(o.Digest) {
			if all++; exists(r.engine.Store.blob(hex)) {
				here++
			}
		}
	}
	return here, all
}

func TestTwoMachinesShareResults(t *testing.T) {
	l := newLab(t)
	first := l.machine()
	sum, want := l.apply(first)
	first.counts(sum, 3, 0, 3, 0, 0)
	if sum.Pushed != 3 || sum.Remote != 0 {
		t.Errorf("pushed %d, remote %d", sum.Pushed, sum.Remote)
	}
	first.warned(0, "")
	if got := len(l.server.Paths("/ac/")); got != 3 {
		t.Errorf("the cache has %d records", got)
	}

	second := l.machine()
	for _, a := range []string{"a", "b", "c"} {
		if p := second.planned(a, l.nodes...); p.State != StateCached || !p.Remote {
			t.Errorf("plan of %s: %s, remote %v", a, p.State, p.Remote)
		}
	}
	sum, got := l.apply(second)
	second.counts(sum, 3, 3, 0, 0, 0)
	if sum.Remote != 3 || sum.Pushed != 0 || got != want || len(second.performed()) > 3 {
		t.Errorf("remote %d, pushed %d, published %q, want %q", sum.Remote, sum.Pushed, got, want)
	}
	for _, e := range second.of(EventComplete) {
		if !e.Cached || !e.Remote {
			t.Errorf("%s: hit %v, remote %v", e.Address, e.Cached, e.Remote)
		}
	}
	// Only the figure came: neither the folder nor what was made of it.
	for address, here := range map[string]int{"a": 0, "b": 0, "c": 1} {
		if n, _ := second.arrived(address); n != here {
			t.Errorf("%d blobs of %s are here, want %d", n, address, here)
		}
	}
	x, err := second.engine.Why(context.Background(), second.graph(l.nodes...), "a")
	if err != nil || x.State != StateCached || !x.Remote || x.Last == nil || x.Last.Remote != l.server.URL {
		t.Errorf("why: %+v, %v", x, err)
	}
	if m, err := second.engine.Store.Manifest(x.Last.Key); err != nil || m.Type != "tree" {
		t.Errorf("manifest: %v", err)
	}
	if rep, err := second.engine.Rehash(context.Background(), second.graph(l.nodes...), nil); err != nil || len(rep.Damaged) > 0 {
		t.Errorf("verify: %+v, %v", rep, err)
	}

	// What is known needs no server, and what is whole is not remote.
	l.server.Close()
	l.connect(second)
	sum, _ = l.apply(second)
	second.counts(sum, 3, 3, 0, 0, 0)
	if second.warned(0, ""); sum.Remote != 2 {
		t.Errorf("remote %d, want a and b", sum.Remote)
	}
}

// A reader of its own needs content that is in the cache only: it comes, whole folders at a time.
func TestWhatAStageReadsIsFetched(t *testing.T) {
	l := newLab(t)
	l.apply(l.machine())
	second := l.machine()
	extra := append(slices.Clone(l.nodes), node("d", "modes", "other", "a"))
	sum, _ := l.apply(second, extra...)
	second.counts(sum, 4, 3, 1, 0, 0)
	if got := second.content("d"); got != listing {
		t.Errorf("d read %q", got)
	}
	if here, all := second.arrived("a"); here != all || all != 5 {
		t.Errorf("%d of %d blobs of a are here", here, all)
	}
	if sum.Pushed != 1 {
		t.Errorf("pushed %d", sum.Pushed)
	}
}

// An instance whose key is known only in the middle of a run is looked for then.
func TestALaterKeyIsLookedForToo(t *testing.T) {
	l := newLab(t)
	first := l.machine()
	constant := func(salt string) []*Node {
		a := node("a", "constant", "same")
		a.Salt = salt
		return []*Node{a, node("c", "concat", "C", "a")}
	}
	l.apply(first, constant("1")...)
	second := l.machine()
	sum, got := l.apply(second, constant("2")...)
	second.counts(sum, 2, 1, 1, 0, 0)
	if sum.Remote != 1 || got != "C|same" {
		t.Errorf("remote %d, published %q", sum.Remote, got)
	}
}

// Whatever the server does, the run ends as it would without it.
func TestFaultsOfTheRemoteCache(t *testing.T) {
	tests := map[string]struct {
		harm           func(l *lab, r *rig)
		cached, remote int
		warnings       int
		says           string
	}{
		"failing":        {func(l *lab, _ *rig) { l.server.Misbehave(remotetest.Failing) }, 0, 0, 1, "it answers 500"},
		"out of reach":   {func(l *lab, _ *rig) { l.server.Close() }, 0, 0, 1, "refused"},
		"token refused":  {func(l *lab, _ *rig) { l.server.Require("Bearer other") }, 0, 0, 1, "is the token in TOKEN right?"},
		"truncated blob": {func(l *lab, _ *rig) { l.server.Misbehave(remotetest.Truncated) }, 0, 0, 1, "unexpected EOF"},
		"wrong blob":     {func(l *lab, _ *rig) { l.server.Misbehave(remotetest.Wrong) }, 0, 0, 0, ""},
		"silent": {func(l *lab, r *rig) {
			l.server.Misbehave(remotetest.Silent)
			r.engine.Remote.Silence = 100 * time.Millisecond
		}, 0, 0, 1, "it does not answer"},
		"no blobs, and records that are not looked into": {func(l *lab, _ *rig) {
			l.server.Misbehave(remotetest.Blind)
			for _, p := range l.server.Paths("/cas/") {
				l.server.Keep(p, nil)
			}
		}, 0, 0, 0, ""},
		"no blobs": {func(l *lab, _ *rig) {
			for _, p := range l.server.Paths("/cas/") {
				l.server.Keep(p, nil)
			}
		}, 0, 0, 0, ""},
		"no records": {func(l *lab, _ *rig) {
			for _, p := range l.server.Paths("/ac/") {
				l.server.Keep(p, []byte(`{"stdoutRaw":"e30="}`))
			}
		}, 0, 0, 0, ""},
		"nothing": {func(*lab, *rig) {}, 3, 3, 0, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			l.apply(l.machine())
			second := l.machine()
			tt.harm(l, second)
			sum, got := l.apply(second)
			second.counts(sum, 3, tt.cached, 3-tt.cached, 0, 0)
			if got != figure || sum.Remote != tt.remote {
				t.Errorf("published %q, remote %d", got, sum.Remote)
			}
			second.warned(tt.warnings, tt.says)
		})
	}
}

// Content that went from the cache after its record was seen is made here when it is needed, down to the beginning.
func TestContentThatIsGoneWhenItIsNeeded(t *testing.T) {
	l := newLab(t)
	l.apply(l.machine())
	second := l.machine()
	l.apply(second)
	l.server.Close()
	l.connect(second)
	extra := append(slices.Clone(l.nodes), node("d", "concat", "D", "b"))
	sum, _ := l.apply(second, extra...)
	second.counts(sum, 4, 1, 3, 0, 0) // a, b and d ran; c is whole
	second.warned(1, "refused")
	if got := second.content("d"); got != "D|"+listing {
		t.Errorf("d read %q", got)
	}
}

func TestWithoutTheCacheWhatIsNotHereRuns(t *testing.T) {
	l := newLab(t)
	l.apply(l.machine())
	second := l.machine()
	l.apply(second)
	second.engine.Remote = nil
	p := second.planned("a", l.nodes...)
	if p.State != StateRun || !strings.Contains(p.Reason, "was not had from the remote cache "+l.server.URL) {
		t.Errorf("%s, %s", p.State, p.Reason)
	}
	sum, _ := l.apply(second)
	second.counts(sum, 3, 1, 2, 0, 0)
}

func TestAnAskedForReplacementIsNotTakenFromTheCache(t *testing.T) {
	l := newLab(t)
	c := node("c", "text", "C")
	l.apply(l.machine(), c)
	second := l.machine()
	second.counts(second.apply(ApplyOptions{PlanOptions: PlanOptions{Replace: []string{"c"}}}, c), 1, 0, 1, 0, 0)
}

// A GC keeps what a run found in the cache as it keeps what it made, and removes it likewise; the cache still has it.
func TestGCTreatsFetchedResultsAsOwn(t *testing.T) {
	l := newLab(t)
	l.apply(l.machine())
	second := l.machine()
	l.apply(second)
	s := second.engine.Store
	rep, err := s.GC(context.Background(), GCOptions{})
	if err != nil || rep.Results != 3 || len(rep.Stages) > 0 || rep.Orphans.Files > 0 {
		t.Fatalf("%+v, %v", rep, err)
	}
	other := node("z", "text", "Z")
	second.apply(ApplyOptions{Pipeline: "other"}, other)
	second.engine = second.open()
	l.connect(second)
	for _, d := range []string{"runs", "published"} { // as if all runs were forgotten, and what they published
		list, _ := filepath.Glob(filepath.Join(s.Dir(), d, "*"))
		for _, f := range list {
			os.Remove(f)
		}
	}
	if rep, err = s.GC(context.Background(), GCOptions{}); err != nil || rep.Results != 0 {
		t.Fatalf("%+v, %v", rep, err)
	}
	os.Remove(filepath.Join(second.dir, "figure.txt"))
	sum, got := l.apply(second)
	second.counts(sum, 3, 3, 0, 0, 0)
	if got != figure {
		t.Errorf("published %q", got)
	}
}

// Many that read the same at once fetch it once.
func TestContentIsFetchedOnce(t *testing.T) {
	l := newLab(t)
	l.apply(l.machine())
	second := l.machine()
	nodes := slices.Clone(l.nodes)
	for i := range 8 {
		d := node("d["+string(rune('0'+i))+"]", "modes", "", "a")
		d.Salt = d.Address
		nodes = append(nodes, d)
	}
	l.server.Forget()
	sum, _ := l.apply(second, nodes...)
	second.counts(sum, 11, 3, 8, 0, 0)
	if got := l.server.Requests("GET", "/cas/", 200); got != 6 { // 5 of the folder, and the figure
		t.Errorf("%d blobs came, want 6", got)
	}
}

// What a machine has lost of its own comes back from the cache that it gave it to.
func TestALostBlobComesBack(t *testing.T) {
	l := newLab(t)
	r := l.machine()
	l.apply(r)
	for _, address := range []string{"b", "c"} {
		if err := os.Remove(r.blobOf(address)); err != nil {
			t.Fatal(err)
		}
	}
	os.Remove(filepath.Join(r.dir, "figure.txt"))
	r.engine = r.open()
	l.connect(r)
	sum, got := l.apply(r)
	r.counts(sum, 3, 3, 0, 0, 0)
	if got != figure || sum.Remote != 2 {
		t.Errorf("published %q, remote %d", got, sum.Remote)
	}
}
