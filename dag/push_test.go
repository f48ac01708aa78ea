package dag

import (
	"context"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/pipe-ml/pipe/dag/remote/remotetest"
)

func TestSecretsStayHere(t *testing.T) {
	l := newLab(t)
	c := node("c", "text", "hush")
	c.Secret = []string{"text"}
	sum, _ := l.apply(l.machine(), c)
	if all := l.server.Paths(""); sum.Pushed != 0 || len(all) > 0 {
		t.Errorf("pushed %d: %v", sum.Pushed, all)
	}
}

func TestNothingIsPushedThatMayNotBe(t *testing.T) {
	l := newLab(t)
	r := l.machine()
	r.engine.Push = false
	sum, _ := l.apply(r)
	if all := l.server.Paths(""); sum.Pushed != 0 || len(all) > 0 {
		t.Errorf("pushed %d: %v", sum.Pushed, all)
	}
}

// A cache that takes no blobs gets no records, and the run says so in one line.
func TestAPushThatFailsIsOneWarning(t *testing.T) {
	l := newLab(t)
	r := l.machine()
	l.server.Misbehave(remotetest.Full)
	sum, _ := l.apply(r, node("c", "text", "C"))
	r.counts(sum, 1, 0, 1, 0, 0)
	if sum.Pushed != 0 {
		t.Errorf("pushed %d", sum.Pushed)
	}
	r.warned(1, "1 of 1 results could not be given to the remote cache "+l.server.URL)
	l.connect(r)
	r.counts(r.apply(ApplyOptions{}, l.nodes...), 3, 0, 3, 0, 0)
	r.warned(1, "it answers 507") // that they failed, or, after so many in a row, that it is down
	if all := l.server.Paths("/ac/"); len(all) > 0 {
		t.Errorf("records: %v", all)
	}
}

// What the cache says that it has, and cannot give whole, is given to it again.
func TestTheCacheIsHealed(t *testing.T) {
	l := newLab(t)
	l.apply(l.machine())
	l.server.Misbehave(remotetest.Wrong)
	l.apply(l.machine())
	l.server.Misbehave(remotetest.None)
	for _, p := range l.server.Paths("/cas/") { // as if they were damaged on its disk: HEAD finds them
		l.server.Keep(p, append([]byte("x"), l.server.Content(p)...))
	}
	second := l.machine()
	sum, _ := l.apply(second)
	second.counts(sum, 3, 0, 3, 0, 0)
	third := l.machine()
	sum, got := l.apply(third)
	third.counts(sum, 3, 3, 0, 0, 0)
	if got != figure {
		t.Errorf("published %q", got)
	}
}

func TestARunWaitsForItsPushesAndSaysSo(t *testing.T) {
	for _, kill := range []bool{false, true} {
		l := newLab(t)
		r := l.machine()
		l.server.Misbehave(remotetest.Holding)
		killed := make(chan struct{})
		var steps []int
		sum, err := r.engine.Apply(context.Background(), r.graph(l.nodes...), nil, ApplyOptions{Kill: killed}, func(e Event) {
			r.events = append(r.events, e)
			if e.Type != EventPush {
				return
			}
			if steps = append(steps, e.Step); len(steps) > 1 || e.Steps != 3 || e.Message != l.server.URL {
				return
			}
			if kill {
				close(killed)
				return
			}
			l.server.Misbehave(remotetest.None)
		})
		if err != nil {
			t.Fatal(err)
		}
		r.counts(sum, 3, 0, 3, 0, 0)
		if !kill && slices.Compare(steps, []int{0, 1, 2, 3}) != 0 || kill && steps[len(steps)-1] != 3 {
			t.Errorf("kill %v: it said %v", kill, steps)
		}
		if kill {
			r.warned(1, "3 of 3 results could not be given to the remote cache "+l.server.URL+": the run was killed")
		} else {
			r.warned(0, "")
		}
		if sum.Pushed != map[bool]int{false: 3, true: 0}[kill] {
			t.Errorf("kill %v: pushed %d", kill, sum.Pushed)
		}
		if last := r.events[len(r.events)-1]; last.Type != EventSummary {
			t.Errorf("the last event is %s", last.Type)
		}
	}
}

// A server that was down for some time of a run gets all in the end.
func TestWhatCouldNotBePushedIsTriedOnceMore(t *testing.T) {
	l := newLab(t)
	r := l.machine()
	r.engine.Remote.Rest = 0
	l.server.Misbehave(remotetest.Full)
	published := false
	path := filepath.Join(r.dir, "figure.txt")
	pubs := []Publication{{Name: "figure", Ref: Ref{"b", "out"}, Path: path}}
	sum, err := r.engine.Apply(context.Background(), r.graph(l.nodes...), pubs, ApplyOptions{}, func(e Event) {
		if e.Type == EventPublish { // when all has run
			published = true
			for l.server.Requests("PUT", "/cas/", 507) < 13 { // of 6 blobs at once, one was tried for the last time
				runtime.Gosched()
			}
			l.server.Misbehave(remotetest.None)
		}
	})
	if err != nil || !published || sum.Pushed != 3 {
		t.Errorf("pushed %d, %v", sum.Pushed, err)
	}
}
