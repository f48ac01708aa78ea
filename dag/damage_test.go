package dag

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

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
		}, 1, "its result was damaged: its record is torn"},
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

func TestCorruptBlobFoundByManyAtOnce(t *testing.T) {
	r := newRig(t)
	r.apply(ApplyOptions{}, node("a", "text", "A"))
	blob := r.blobOf("a")
	d := Digest(filePrefix + filepath.Base(blob))
	for range 20 {
		os.MkdirAll(filepath.Dir(blob), 0o755)
		if err := os.WriteFile(blob, []byte("B"), 0o644); err != nil {
			t.Fatal(err)
		}
		errs := make(chan error, 8)
		for range cap(errs) {
			go func() { errs <- r.engine.Store.check(d, 1) }()
		}
		for range cap(errs) {
			var bad *BlobError
			if err := <-errs; !errors.As(err, &bad) {
				t.Fatalf("error %v", err)
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

// If the producer cannot make it again, all that waits for it is skipped, and nothing waits for ever.
func TestVanishedBlobThatCannotBeMadeAgain(t *testing.T) {
	for _, grouped := range []bool{false, true} {
		r := newRig(t)
		a := node("a", "text", "A")
		a.Inputs = []Input{{Name: "data", Path: r.write("data", "1")}}
		r.apply(ApplyOptions{}, a)
		nodes := []*Node{a, node("gate", "text", "gate"), node("reader", "concat", "", "gate", "a"), node("after", "concat", "", "reader")}
		if grouped {
			nodes[2] = gathering(node("reader", "concat", "", "gate"), "g")
			nodes = append(nodes, group("g", "a"))
		}
		blob := r.blobOf("a")
		sum, err := r.engine.Apply(context.Background(), r.graph(nodes...), nil, ApplyOptions{}, func(e Event) {
			if e.Type == EventStart && e.Address == "gate" {
				os.Remove(blob)
			}
			if e.Type == EventStart && e.Address == "a" {
				r.write("data", "2")
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		r.counts(sum, 4, 0, 1, 1, 2)
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
