package dag

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestMetricsKeepTheOrderInWhichTheyWereTold(t *testing.T) {
	r := newRig(t)
	for _, cached := range []bool{false, true} {
		r.apply(ApplyOptions{}, node("a", "measure", ""))
		i := slices.IndexFunc(r.events, func(e Event) bool { return e.Type == EventComplete })
		if e := r.events[i]; e.Cached != cached || strings.Join(e.Order, " ") != "val_loss accuracy threads" {
			t.Errorf("cached %v: order %q", e.Cached, e.Order)
		}
	}
}

func TestCodeStandsInTheWorkFolderUnderItsOwnName(t *testing.T) {
	r := newRig(t)
	if err := os.Chmod(r.write("scripts/run.sh", "echo"), 0o755); err != nil {
		t.Fatal(err)
	}
	n := node("a", "code", "scripts/run.sh")
	n.Code = []string{"scripts/run.sh"}
	r.counts(r.apply(ApplyOptions{}, n), 1, 0, 1, 0, 0)
	if got := r.content("a"); got != "-rwxr-xr-x echo" {
		t.Errorf("the stage saw %q", got)
	}
}

func TestSecondApplyRunsNothing(t *testing.T) {
	r := newRig(t)
	nodes := func() []*Node {
		return []*Node{
			node("a", "text", "A"), node("b", "concat", "B", "a"), node("c", "concat", "C", "a"),
			group("g", "b", "c"), gathering(node("d", "concat", "D"), "g"),
		}
	}
	r.counts(r.apply(ApplyOptions{}, nodes()...), 4, 0, 4, 0, 0)
	if got, want := r.content("d"), "D|name=b:B|A|name=c:C|A"; got != want {
		t.Errorf("d made %q, want %q", got, want)
	}
	r.counts(r.apply(ApplyOptions{}, nodes()...), 4, 4, 0, 0, 0)
	last := r.events[len(r.events)-1]
	if last.Type != EventSummary || last.Summary.Total != 4 {
		t.Errorf("the last event is %+v", last)
	}
	for a, n := range r.performed() {
		if n != 1 {
			t.Errorf("%s was performed %d times", a, n)
		}
	}
}

func TestEarlyCutoffStopsTheWave(t *testing.T) {
	r := newRig(t)
	nodes := func(text, version string) []*Node {
		b := node("b", "constant", "same", "a")
		b.Config["version"] = version
		return []*Node{node("a", "text", text), b, node("c", "concat", "C", "b"), node("d", "concat", "D", "c")}
	}
	r.counts(r.apply(ApplyOptions{}, nodes("one", "")...), 4, 0, 4, 0, 0)

	p := r.planned("c", nodes("two", "")...)
	if p.State != StateMaybe || p.Reason != "skipped if b is unchanged" {
		t.Errorf("c is planned %s: %s", p.State, p.Reason)
	}
	if p := r.planned("b", nodes("two", "")...); p.State != StateMaybe {
		t.Errorf("b is planned %s: %s", p.State, p.Reason)
	}
	if p := r.planned("b", nodes("two", "x")...); p.State != StateRun {
		t.Errorf("b with a change of its own is planned %s: %s", p.State, p.Reason)
	}
	// a and b run; b gives the same bytes, so c and d are spared.
	r.counts(r.apply(ApplyOptions{}, nodes("two", "")...), 4, 2, 2, 0, 0)
	// Back to what was: all is still there.
	r.counts(r.apply(ApplyOptions{}, nodes("one", "")...), 4, 4, 0, 0, 0)
}

func TestFailureLeavesIndependentWorkFinished(t *testing.T) {
	r := newRig(t)
	nodes := []*Node{
		node("bad", "fail", "no"), node("child", "concat", "", "bad"), node("grandchild", "concat", "", "child"),
		node("good", "text", "G"), node("better", "concat", "", "good"),
	}
	sum := r.apply(ApplyOptions{}, nodes...)
	r.counts(sum, 5, 0, 2, 1, 2)
	if f := sum.Failures[0]; f.Address != "bad" || f.Message != "cannot: no" || f.Log == "" {
		t.Errorf("failure %+v", f)
	}
	if p := r.planned("bad", nodes...); p.State != StateRun || !strings.Contains(p.Reason, "cannot: no") {
		t.Errorf("bad is planned %s: %s", p.State, p.Reason)
	}
	r.counts(r.apply(ApplyOptions{}, nodes...), 5, 2, 0, 1, 2)
}

func TestFailFastStartsNothingMore(t *testing.T) {
	r := newRig(t)
	slow := node("slow", "text", "S")
	slow.Resources.CPUs = 2
	sum := r.apply(ApplyOptions{FailFast: true, Parallelism: 2}, node("bad", "fail", ""), node("other", "text", ""), slow)
	if sum.Failed != 1 || sum.Skipped != 1 {
		t.Errorf("failed %d, skipped %d", sum.Failed, sum.Skipped)
	}
}

// A failing action is described by what went wrong, and costs no other one.
func TestActionFailures(t *testing.T) {
	tests := map[string]string{
		"crash":  "famous last words",
		"killed": "run fewer at once (p.hcl:5)",
		"junk":   "standard output is the protocol",
		"idle":   "did not make out (out.txt): it must write each to its place, output.NAME (p.hcl:5)",
		"fail":   "cannot",
	}
	for typ, want := range tests {
		t.Run(typ, func(t *testing.T) {
			r := newRig(t)
			x := node("x", typ, "")
			x.Pos = map[string]Pos{"": {File: "p.hcl", Line: 5}}
			sum := r.apply(ApplyOptions{Parallelism: 1}, x, node("y", "text", "ok"), node("z", "text", "fine"))
			r.counts(sum, 3, 0, 2, 1, 0)
			if m := sum.Failures[0].Message; !strings.Contains(m, want) {
				t.Errorf("message %q lacks %q", m, want)
			}
		})
	}
}

func TestRetry(t *testing.T) {
	tests := []struct {
		name             string
		retry            Retry
		executed, failed int
	}{
		{"none", Retry{}, 0, 1},
		{"any failure", Retry{Attempts: 2}, 1, 0},
		{"a crash", Retry{Attempts: 2, On: []string{ClassCrash}}, 1, 0},
		{"only an error", Retry{Attempts: 2, On: []string{ClassError}}, 0, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t)
			n := node("x", "flaky", "ok")
			n.Config["counter"] = filepath.Join(r.dir, "counter")
			n.Retry = tt.retry
			r.counts(r.apply(ApplyOptions{}, n), 1, 0, tt.executed, tt.failed, 0)
		})
	}
}

func TestAnActionFindsWhatItLeftUntilItSucceeds(t *testing.T) {
	r := newRig(t)
	n := node("x", "enduring", "")
	r.counts(r.apply(ApplyOptions{}, n), 1, 0, 0, 1, 0)
	n.Retry = Retry{Attempts: 2} // the second finds what the first left, and that is from another run
	r.counts(r.apply(ApplyOptions{}, n), 1, 0, 1, 0, 0)
	if got := r.content("x"); got != "xx" {
		t.Errorf("went on from %q", got)
	}
	if left := r.stored("unfinished"); len(left) > 0 {
		t.Errorf("%q is left", left)
	}
	// Whoever wants it run again wants all of it run.
	n.Retry = Retry{}
	r.counts(r.apply(ApplyOptions{PlanOptions: PlanOptions{Replace: []string{"x"}}}, n), 1, 0, 0, 1, 0)
	r.counts(r.apply(ApplyOptions{PlanOptions: PlanOptions{Replace: []string{"x"}}}, n), 1, 0, 0, 1, 0)
	if left := r.stored("unfinished/*"); len(left) != 1 || readAll(filepath.Join(r.engine.Store.unfinished(r.stored("unfinished")[0]), "state")) != "x" {
		t.Errorf("%q is left", left)
	}
}

// What only a cluster can tell from a crash is one, and a crash is not one of these.
func TestRetryCoversTheClassesOfClusters(t *testing.T) {
	tests := []struct {
		on    []string
		class string
		want  bool
	}{
		{nil, ClassNodeFail, true},
		{[]string{ClassCrash}, ClassNodeFail, true},
		{[]string{ClassCrash}, ClassOutOfMemory, true},
		{[]string{ClassCrash}, ClassTimeout, false},
		{[]string{ClassNodeFail, ClassTimeout}, ClassTimeout, true},
		{[]string{ClassNodeFail}, ClassOutOfMemory, false},
		{[]string{ClassNodeFail}, ClassCrash, false},
	}
	for _, tt := range tests {
		if got := (Retry{Attempts: 2, On: tt.on}).covers(&ActionError{Class: tt.class}); got != tt.want {
			t.Errorf("retry on %v of %s: %v, want %v", tt.on, tt.class, got, tt.want)
		}
	}
}

func TestTimeLimit(t *testing.T) {
	r := newRig(t)
	n := node("x", "text", "ok")
	n.Config["millis"] = 60000
	n.Resources.Time = 50 * time.Millisecond
	sum := r.apply(ApplyOptions{}, n)
	r.counts(sum, 1, 0, 0, 1, 0)
	if m := sum.Failures[0].Message; !strings.Contains(m, "limit of 50ms") {
		t.Errorf("message %q", m)
	}
}

func TestLogIsKept(t *testing.T) {
	r := newRig(t)
	r.apply(ApplyOptions{Parallelism: 1}, node("a", "talk", "1"), node("b", "talk", "2"), node("c", "crash", "3"))
	for address, want := range map[string][]string{
		"a": {"on stderr by a", "without an end", "as an event"},
		"b": {"on stderr by b", "without an end", "as an event"},
		"c": {"famous last words", "exit status 3"},
	} {
		path, err := r.engine.Store.Log(address)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range want {
			if !strings.Contains(string(raw), w) {
				t.Errorf("log of %s lacks %q:\n%s", address, w, raw)
			}
		}
		if address != "b" && strings.Contains(string(raw), "by b") {
			t.Errorf("log of %s holds b's:\n%s", address, raw)
		}
	}
	if _, err := r.engine.Store.Log("nothing"); err == nil {
		t.Error("an address that never ran has a log")
	}
}

func TestSameKeyRunsOnce(t *testing.T) {
	r := newRig(t)
	x, y := node("x", "text", "same"), node("y", "text", "same")
	x.Config["millis"], y.Config["millis"] = 100, 100
	r.counts(r.apply(ApplyOptions{}, x, y, node("z", "concat", "", "x", "y")), 3, 1, 2, 0, 0)
}

func TestTargetAndReplace(t *testing.T) {
	r := newRig(t)
	nodes := []*Node{node("a", "text", "A"), node("b", "concat", "", "a"), node("c", "text", "C")}
	r.counts(r.apply(ApplyOptions{PlanOptions: PlanOptions{Target: []string{"b"}}}, nodes...), 2, 0, 2, 0, 0)
	r.counts(r.apply(ApplyOptions{PlanOptions: PlanOptions{Replace: []string{"a"}}}, nodes...), 3, 1, 2, 0, 0)
	_, err := r.engine.Apply(context.Background(), r.graph(nodes...), nil, ApplyOptions{PlanOptions: PlanOptions{Target: []string{"q"}}}, nil)
	if err == nil || !strings.Contains(err.Error(), "there is no instance q") {
		t.Errorf("unknown target: %v", err)
	}
}

func TestMissingInputsAreReportedTogether(t *testing.T) {
	r := newRig(t)
	n := node("a", "text", "")
	n.Inputs = []Input{{Name: "data", Path: filepath.Join(r.dir, "nowhere")}}
	n.Code = []string{"no.py"}
	n.Probe = []string{"/no/such/program"}
	_, err := r.engine.Plan(context.Background(), r.graph(n), nil, PlanOptions{})
	for _, want := range []string{"input data", "code no.py", "/no/such/program"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v lacks %q", err, want)
		}
	}
}

func TestInterruptLetsRunningActionsFinish(t *testing.T) {
	for _, kill := range []bool{false, true} {
		r := newRig(t)
		slow := node("slow", "text", "S")
		slow.Config["millis"] = 300
		if kill {
			slow.Config["millis"] = 60000
		}
		next := node("next", "concat", "", "slow")
		ctx, cancel := context.WithCancel(context.Background())
		killed := make(chan struct{})
		sum, err := r.engine.Apply(ctx, r.graph(slow, next), nil, ApplyOptions{Kill: killed}, func(e Event) {
			if e.Type == EventStart {
				cancel()
				if kill {
					close(killed)
				}
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if kill {
			r.counts(sum, 2, 0, 0, 0, 2)
		} else {
			r.counts(sum, 2, 0, 1, 0, 1)
		}
		if !sum.Interrupted {
			t.Error("the summary does not say interrupted")
		}
	}
}

// A result must be of the bytes that its key names, even if they change while the stage runs.
func TestInputsThatChangeUnderTheStage(t *testing.T) {
	for _, what := range []string{"data.txt", "run.py"} {
		r := newRig(t)
		n := node("x", "text", "ok")
		n.Config["millis"] = 100
		n.Inputs = []Input{{Name: "data", Path: r.write("data.txt", "before")}}
		r.write("run.py", "before")
		n.Code = []string{"run.py"}
		sum, err := r.engine.Apply(context.Background(), r.graph(n), nil, ApplyOptions{}, func(e Event) {
			if e.Type == EventStart {
				r.write(what, "after!")
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		r.counts(sum, 1, 0, 0, 1, 0)
		if m := sum.Failures[0].Message; !strings.Contains(m, "changed while it") {
			t.Errorf("message %q", m)
		}
		r.counts(r.apply(ApplyOptions{}, n), 1, 0, 1, 0, 0)
	}
}
