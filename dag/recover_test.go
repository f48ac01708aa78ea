package dag

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"
)

const storeEnv = "DAG_TEST_STORE"

// chain is what the victim runs: slow enough to be killed in the middle, with some parts side by side.
func chain(millis int) []*Node {
	var nodes []*Node
	var ends []string
	for i := range 4 {
		for j := range 5 {
			n := node(fmt.Sprintf("s%d[%d]", i, j), "concat", fmt.Sprintf("%d.%d", i, j))
			if i > 0 {
				n = node(n.Address, "concat", fmt.Sprintf("%d.%d", i, j), fmt.Sprintf("s%d[%d]", i-1, j))
			}
			n.Config["millis"] = millis
			nodes = append(nodes, n)
			if i == 3 {
				ends = append(ends, n.Address)
			}
		}
	}
	return append(nodes, group("g", ends...), gathering(node("last", "concat", ""), "g"))
}

// victim is a process of its own that applies chain.
func victim() {
	os.Setenv(roleEnv, "worker")
	s, err := Open(os.Getenv(storeEnv))
	if err != nil {
		panic(err)
	}
	g, err := New(chain(30))
	if err != nil {
		panic(err)
	}
	e := &Engine{Store: s, Executor: &Local{Argv: []string{os.Args[0]}}}
	if _, err := e.Apply(context.Background(), g, nil, ApplyOptions{}, nil); err != nil {
		panic(err)
	}
}

func TestKilledRunIsTakenUp(t *testing.T) {
	whole := newRig(t)
	whole.apply(ApplyOptions{}, chain(0)...)
	want := whole.content("last")

	r := newRig(t)
	for i, after := range []time.Duration{30, 100, 200} {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), roleEnv+"=victim", storeEnv+"="+filepath.Join(r.dir, "store"))
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		journals := filepath.Join(r.dir, "store", "runs", "*.jsonl")
		for begun := 0; begun <= i; time.Sleep(time.Millisecond) {
			list, _ := filepath.Glob(journals) // the pattern is good
			begun = len(list)
		}
		time.Sleep(after * time.Millisecond)
		cmd.Process.Signal(syscall.SIGKILL)
		cmd.Wait()
	}
	sum := r.apply(ApplyOptions{}, chain(30)...)
	if sum.Failed+sum.Skipped > 0 {
		t.Fatalf("summary %+v", sum)
	}
	if got := r.content("last"); got != want {
		t.Errorf("made %q, want %q", got, want)
	}
	for a, n := range r.performed() {
		if n > 4 {
			t.Errorf("%s was performed %d times in 4 runs", a, n)
		}
	}
	left, err := os.ReadDir(filepath.Join(r.dir, "store", "tmp"))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range left {
		if abandoned(d.Name()) {
			t.Errorf("%s was left behind", d.Name())
		}
	}
	runs, err := r.engine.Store.Runs()
	if err != nil || len(runs) != 4 {
		t.Fatalf("%d runs, %v", len(runs), err)
	}
	if runs[0].Summary == nil || runs[3].Summary != nil {
		t.Error("the last run must have a summary, the first none")
	}
}

// The child is told when its parent dies: no worker outlives a killed engine.
func TestWorkersDieWithTheEngine(t *testing.T) {
	r := newRig(t)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleEnv+"=victim", storeEnv+"="+filepath.Join(r.dir, "store"))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(200 * time.Millisecond)
	cmd.Process.Signal(syscall.SIGKILL)
	cmd.Wait()
	before := len(r.performed())
	time.Sleep(200 * time.Millisecond)
	if after := len(r.performed()); after != before {
		t.Errorf("%d actions began after the engine was killed", after-before)
	}
}

func TestTwoEnginesShareTheWork(t *testing.T) {
	r := newRig(t)
	var wg sync.WaitGroup
	sums := make([]*Summary, 2)
	for i := range sums {
		e, g := r.open(), r.graph(chain(10)...)
		wg.Go(func() {
			var err error
			if sums[i], err = e.Apply(context.Background(), g, nil, ApplyOptions{}, nil); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for a, n := range r.performed() {
		if n != 1 {
			t.Errorf("%s was performed %d times", a, n)
		}
	}
	if total := sums[0].Executed + sums[1].Executed; total != 21 {
		t.Errorf("%d actions were executed by the two, want 21", total)
	}
	for _, s := range sums {
		if s.Executed+s.Cached != 21 {
			t.Errorf("summary %+v", s)
		}
	}
}

func TestClaimOfADeadProcessIsTakenOver(t *testing.T) {
	r := newRig(t)
	dead := deadProcess(t)
	tests := []struct {
		name  string
		owner string
		age   time.Duration // of the heartbeat, by the wall clock: it decides nothing
		quiet time.Duration // while we watch
		beats bool          // in that time
		want  bool
	}{
		{"a dead process", fmt.Sprintf("%s.%d.x", hostname(), dead), 0, 0, false, true},
		{"a live process", owner(), 0, 0, false, false},
		{"a silent process", owner(), 0, silence + time.Second, false, true},
		{"a process that beats", owner(), 0, silence + time.Second, true, false},
		{"a clock that jumped ahead", owner(), time.Hour, 0, false, false},
		{"a clock that was set back", owner(), -time.Hour, silence + time.Second, false, true},
		{"another machine", "elsewhere.1.x", time.Hour, silence - time.Second, false, false},
		{"another machine, silent", "elsewhere.1.x", 0, silence + time.Second, false, true},
		{"a torn claim", "", 0, silence - time.Second, false, false},
		{"a torn claim, silent", "", 0, silence + time.Second, false, true},
	}
	c := r.engine.Store.keepClaims()
	defer c.close()
	now := time.Now()
	c.now = func() time.Time { return now }
	for _, tt := range tests {
		path := filepath.Join(r.engine.Store.dir, "claims", hashBytes([]byte(tt.name)))
		os.WriteFile(path, []byte(tt.owner), 0o644)
		at := time.Now().Add(-tt.age)
		os.Chtimes(path, at, at)
		if c.free(filepath.Base(path)) != (tt.want && tt.quiet == 0) {
			t.Errorf("%s: judged at first sight", tt.name)
		}
		now = now.Add(tt.quiet)
		if tt.beats {
			at = at.Add(heartbeat)
			os.Chtimes(path, at, at)
		}
		got, err := c.take(filepath.Base(path))
		if err != nil || got != tt.want {
			t.Errorf("%s: taken %v, %v; want %v", tt.name, got, err, tt.want)
		}
	}
}

// deadProcess is the number of a process that has ended.
func deadProcess(t *testing.T) int {
	t.Helper()
	dead := exec.Command(os.Args[0], "-test.run=^$")
	dead.Env = append(os.Environ(), roleEnv+"=")
	if err := dead.Run(); err != nil {
		t.Fatal(err)
	}
	return dead.Process.Pid
}

// A run that is killed while it publishes leaves names beside what it publishes; the next run removes them, whether
// or not it has something to publish, and nothing else.
func TestWhatAKilledPublishLeftIsRemoved(t *testing.T) {
	r := newRig(t)
	pubs := []Publication{{Name: "file", Ref: Ref{"a", "out"}, Path: filepath.Join(r.dir, "figures", "a.txt")}}
	dead, alive := fmt.Sprintf("%s.%d.x", hostname(), deadProcess(t)), owner()
	for range 2 {
		r.write("figures/.a.txt."+dead+".new", "half")
		r.write("figures/.a.txt."+dead+".old/b/c.txt", "of before")
		kept := []string{".a.txt." + alive + ".new", ".b.txt." + dead + ".new", ".a.txt." + dead, ".a.txt.elsewhere.1.x.old"}
		for _, name := range kept {
			r.write("figures/"+name, "kept")
		}
		if _, err := r.engine.Apply(context.Background(), r.graph(node("a", "text", "1")), pubs, ApplyOptions{}, nil); err != nil {
			t.Fatal(err)
		}
		var got []string
		list, err := os.ReadDir(filepath.Join(r.dir, "figures"))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range list {
			got = append(got, e.Name())
		}
		want := append([]string{"a.txt"}, kept...)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("left are %q, want %q", got, want)
		}
	}
}
