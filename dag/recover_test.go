package dag

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
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
	e := &Engine{Store: s, Executor: &Local{Argv: []string{os.Args[0]}}, CPUs: 2}
	if _, err := e.Apply(context.Background(), g, nil, ApplyOptions{}, nil); err != nil {
		panic(err)
	}
}

func TestKilledRunIsTakenUp(t *testing.T) {
	whole := newRig(t)
	whole.apply(ApplyOptions{}, chain(0)...)
	want := whole.content("last")

	r := newRig(t)
	for _, after := range []time.Duration{60, 150, 250} {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), roleEnv+"=victim", storeEnv+"="+filepath.Join(r.dir, "store"))
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
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
	dead := exec.Command(os.Args[0], "-test.run=^$")
	dead.Env = append(os.Environ(), roleEnv+"=")
	if err := dead.Run(); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name  string
		owner string
		age   time.Duration
		want  bool
	}{
		{"a dead process", fmt.Sprintf("%s.%d.x", hostname(), dead.Process.Pid), 0, true},
		{"a live process", owner(), 0, false},
		{"a silent process", owner(), silence + time.Second, true},
		{"another machine", "elsewhere.1.x", 0, false},
		{"another machine, silent", "elsewhere.1.x", silence + time.Second, true},
	}
	c := r.engine.Store.keepClaims()
	defer c.close()
	for _, tt := range tests {
		path := filepath.Join(r.engine.Store.dir, "claims", hashBytes([]byte(tt.name)))
		os.WriteFile(path, []byte(tt.owner), 0o644)
		at := time.Now().Add(-tt.age)
		os.Chtimes(path, at, at)
		got, err := c.take(filepath.Base(path))
		if err != nil || got != tt.want {
			t.Errorf("%s: taken %v, %v; want %v", tt.name, got, err, tt.want)
		}
	}
}

// What is damaged in the store is made again, by the instance that made it, and by no other.
func TestDamagedStore(t *testing.T) {
	nodes := []*Node{node("a", "text", "content of a"), node("b", "concat", "B", "a"), node("c", "concat", "C", "b")}
	damage := func(path, text string) func(*rig) {
		return func(r *rig) {
			os.Chmod(path, 0o644)
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				r.Fatal(err)
			}
		}
	}
	tests := []struct {
		name     string
		damage   func(r *rig)
		executed int
		reason   string
	}{
		{"nothing", func(*rig) {}, 0, ""},
		{"corrupt blob", func(r *rig) { damage(r.blobOf("a"), "CONTENT of a")(r) }, 1, "its result was damaged"},
		{"torn blob", func(r *rig) { damage(r.blobOf("a"), "cont")(r) }, 1, "its result was damaged"},
		{"missing blob", func(r *rig) { os.Remove(r.blobOf("a")) }, 1, "its result was removed"},
		{"touched blob", func(r *rig) { os.Chtimes(r.blobOf("a"), time.Now(), time.Now()) }, 0, ""},
		{"torn record", func(r *rig) {
			res, _ := r.engine.Store.LastResult("a")
			damage(r.engine.Store.record(res.Key), `{"key":`)(r)
		}, 1, "its result was removed"},
		{"torn stat cache", func(r *rig) { damage(r.engine.Store.files.path, "ab")(r) }, 0, ""},
		{"torn index", func(r *rig) { damage(r.engine.Store.indexFile(), "{")(r) }, 0, ""},
		{"no manifests", func(r *rig) {
			res, _ := r.engine.Store.LastResult("a")
			os.Remove(r.engine.Store.blob(res.Key))
		}, 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t)
			r.apply(ApplyOptions{}, nodes...)
			tt.damage(r)
			r.engine = r.open()
			if p := r.planned("a", nodes...); !strings.Contains(p.Reason, tt.reason) || (p.Reason == "") != (tt.reason == "") {
				t.Errorf("reason %q, want %q", p.Reason, tt.reason)
			}
			r.counts(r.apply(ApplyOptions{}, nodes...), 3, 3-tt.executed, tt.executed, 0, 0)
			if got := r.content("a"); got != "content of a" {
				t.Errorf("a holds %q", got)
			}
		})
	}
}

func TestDamagedFolder(t *testing.T) {
	folder := node("a", "tree", "")
	folder.Outputs[0].Path = "out"
	folder.Config = map[string]any{"files": map[string]any{"run.sh": "go", "sub/data.txt": "data"}}
	nodes := []*Node{folder, node("b", "modes", "", "a")}
	entry := func(r *rig, names ...string) string {
		res, _ := r.engine.Store.LastResult("a")
		d := res.Outputs[0].Digest
		for _, name := range names {
			tree, err := r.engine.Store.tree(d)
			if err != nil {
				r.Fatal(err)
			}
			for _, e := range tree {
				if e.Name == name {
					d = e.Digest
				}
			}
		}
		return r.engine.Store.blob(d.Hex())
	}
	tests := map[string][]string{"tree object": nil, "subtree object": {"sub"}, "file": {"sub", "data.txt"}}
	for name, path := range tests {
		for _, remove := range []bool{true, false} {
			r := newRig(t)
			r.counts(r.apply(ApplyOptions{}, nodes...), 2, 0, 2, 0, 0)
			if got := r.content("b"); got != "run.sh true\ndata.txt false\n" {
				t.Errorf("modes %q", got)
			}
			blob := entry(r, path...)
			if remove {
				os.Remove(blob)
			} else if err := errors.Join(os.Chmod(blob, 0o644), os.WriteFile(blob, []byte("[]"), 0o644)); err != nil {
				t.Fatal(err)
			}
			if p := r.planned("a", nodes...); p.State != StateRun || !strings.Contains(p.Reason, "output out") {
				t.Errorf("%s: %s, %s", name, p.State, p.Reason)
			}
			r.counts(r.apply(ApplyOptions{}, nodes...), 2, 1, 1, 0, 0)
			if got := r.content("a"); got != "run.sh=gosub/data.txt=data" {
				t.Errorf("%s: the folder holds %q", name, got)
			}
		}
	}
}

// A blob that vanishes after the plan has its producer run again in the same run.
func TestBlobThatVanishesInTheMiddle(t *testing.T) {
	for _, grouped := range []bool{false, true} {
		r := newRig(t)
		a := node("a", "text", "A")
		r.apply(ApplyOptions{}, a)
		gate := node("gate", "text", "gate")
		reader := node("reader", "concat", "", "gate", "a")
		nodes := []*Node{a, gate, reader}
		if grouped {
			reader = gathering(node("reader", "concat", "", "gate"), "g")
			nodes = []*Node{a, gate, group("g", "a"), reader}
		}
		nodes = append(nodes, node("after", "concat", "", "reader"))
		blob := r.blobOf("a")
		sum, err := r.engine.Apply(context.Background(), r.graph(nodes...), nil, ApplyOptions{}, func(e Event) {
			if e.Type == EventStart && e.Address == "gate" {
				os.Remove(blob)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		r.counts(sum, 4, 0, 4, 0, 0)
		if got := r.content("after"); !strings.Contains(got, "A") {
			t.Errorf("made %q", got)
		}
	}
}

func TestWriteThroughIsFound(t *testing.T) {
	r := newRig(t)
	nodes := []*Node{node("a", "text", "pure"), node("b", "spoil", "", "a")}
	sum := r.apply(ApplyOptions{}, nodes...)
	if r.engine.Store.noClone.Load() == false {
		// Reflinks: a stage may write into its own copy.
		r.counts(sum, 2, 0, 2, 0, 0)
		return
	}
	r.counts(sum, 2, 0, 1, 1, 0)
	if m := sum.Failures[0].Message; !strings.Contains(m, "inputs are read-only") || !strings.Contains(m, "in.txt") {
		t.Errorf("message %q", m)
	}
	if list, err := os.ReadDir(filepath.Join(r.engine.Store.dir, "quarantine")); err != nil || len(list) != 1 {
		t.Errorf("quarantine holds %d, %v", len(list), err)
	}
	// What was damaged is made again.
	r.counts(r.apply(ApplyOptions{}, node("a", "text", "pure"), node("c", "concat", "", "a")), 2, 0, 2, 0, 0)
	if got := r.content("c"); got != "|pure" {
		t.Errorf("c read %q", got)
	}
}

func TestOutputThatIsALinkToAnInput(t *testing.T) {
	r := newRig(t)
	nodes := []*Node{node("a", "text", "A"), node("b", "linker", "", "a"), node("c", "concat", "", "b")}
	r.counts(r.apply(ApplyOptions{}, nodes...), 3, 0, 3, 0, 0)
	r.counts(r.apply(ApplyOptions{}, nodes...), 3, 3, 0, 0, 0)
}

func TestOutsideFileWithAnotherNameIsCopied(t *testing.T) {
	r := newRig(t)
	n := node("b", "linker", "")
	path := r.write("data.txt", "mine")
	n.Inputs = []Input{{Name: "in", Path: path}}
	r.counts(r.apply(ApplyOptions{}, n), 1, 0, 1, 0, 0)
	if err := os.WriteFile(path, []byte("changed"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := r.content("b"); got != "mine" {
		t.Errorf("the store followed the user's file: %q", got)
	}
}

func TestOutputThatLeadsOutsideIsCopied(t *testing.T) {
	r := newRig(t)
	path := r.write("data/x.txt", "mine")
	n := node("b", "symlinks", "")
	n.Outputs[0].Path = "out"
	n.Inputs = []Input{{Name: "in", Path: filepath.Dir(path)}}
	r.counts(r.apply(ApplyOptions{}, n), 1, 0, 1, 0, 0)
	if got := r.content("b"); got != "link/x.txt=mine" {
		t.Errorf("made %q", got)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("the user's file was taken: %v, %v", info, err)
	}
}

func TestRecordOfAnAbsentKey(t *testing.T) {
	r := newRig(t)
	if _, err := r.engine.Store.Result(hashBytes(nil)); !errors.Is(err, ErrNoResult) {
		t.Errorf("error %v", err)
	}
}
