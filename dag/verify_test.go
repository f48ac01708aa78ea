package dag

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// A flipped bit that no stat shows is found by reading, and made good by the next apply.
func TestRehashFindsWhatStatCannotSee(t *testing.T) {
	r := newRig(t)
	nodes := []*Node{node("a", "text", "content"), node("b", "concat", "B", "a"), node("c", "text", "other")}
	r.apply(ApplyOptions{}, nodes...)
	blob := r.blobOf("a")
	flip(t, blob)
	if p := r.planned("a", nodes...); p.State != StateCached {
		t.Fatalf("a stat shows it: %s", p.Reason)
	}
	os.Remove(r.blobOf("c"))
	rep, err := r.engine.Rehash(context.Background(), r.graph(nodes...), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(rep.Damaged) != 2 || rep.Damaged[0].Address != "a" || !rep.Damaged[0].Corrupt || rep.Damaged[1].Address != "c" || rep.Damaged[1].Corrupt {
		t.Errorf("damaged %v", rep.Damaged)
	}
	if rep.Results != 3 || rep.Blobs != 6 {
		t.Errorf("read %d blobs of %d results", rep.Blobs, rep.Results)
	}
	if got := r.stored("quarantine"); !slices.Equal(got, []string{filepath.Base(blob)}) {
		t.Errorf("quarantine holds %q", got)
	}
	r.counts(r.apply(ApplyOptions{}, nodes...), 3, 1, 2, 0, 0)
	if rep, err = r.engine.Rehash(context.Background(), r.graph(nodes...), nil); err != nil || len(rep.Damaged) > 0 {
		t.Errorf("after an apply: %v, %v", rep.Damaged, err)
	}
}

// What a damaged list named is in the store still, and would be taken for good when its stage runs again.
func TestRehashReadsEverythingWhereAListIsLost(t *testing.T) {
	for name, lose := range map[string]func(r *rig, res *Result) string{
		"record":      func(r *rig, res *Result) string { return r.engine.Store.record(res.Key) },
		"tree object": func(r *rig, res *Result) string { return r.engine.Store.blob(res.Outputs[0].Digest.Hex()) },
	} {
		r := newRig(t)
		folder := node("a", "tree", "")
		folder.Outputs[0].Path = "out"
		folder.Config = map[string]any{"files": map[string]any{"data.txt": "data"}}
		nodes := []*Node{folder, node("b", "modes", "", "a")}
		r.apply(ApplyOptions{}, nodes...)
		res, err := r.engine.Store.LastResult("a")
		if err != nil {
			t.Fatal(err)
		}
		tree, err := r.engine.Store.tree(res.Outputs[0].Digest)
		if err != nil {
			t.Fatal(err)
		}
		flip(t, r.engine.Store.blob(tree[0].Digest.Hex()))
		list := lose(r, res)
		if err := errors.Join(os.Chmod(list, 0o644), os.WriteFile(list, nil, 0o644)); err != nil {
			t.Fatal(err)
		}
		rep, err := r.engine.Rehash(context.Background(), r.graph(nodes...), nil)
		if err != nil || !slices.ContainsFunc(rep.Damaged, func(d Damage) bool { return d.Digest == tree[0].Digest && d.Corrupt }) {
			t.Errorf("%s: damaged %v, %v", name, rep.Damaged, err)
		}
		r.apply(ApplyOptions{}, nodes...)
		if got := r.content("a"); got != "data.txt=data" {
			t.Errorf("%s: the folder holds %q", name, got)
		}
	}
}

// flip changes one bit of a blob behind the store's back.
func flip(t *testing.T, blob string) {
	t.Helper()
	raw, err := os.ReadFile(blob)
	if err != nil {
		t.Fatal(err)
	}
	raw[len(raw)/2] ^= 1
	os.Chmod(blob, 0o644)
	if err := os.WriteFile(blob, raw, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := seal(blob); err != nil {
		t.Fatal(err)
	}
}

func TestResampleFindsWhatIsNotTheSameAgain(t *testing.T) {
	r := newRig(t)
	moody := node("moody", "moody", "")
	moody.Outputs[0].Path = "out"
	moody.Config["counter"] = filepath.Join(r.dir, "counter")
	nodes := []*Node{moody, node("a", "text", "A"), node("b", "concat", "B", "a")}
	r.apply(ApplyOptions{}, nodes...)
	before := r.content("moody")
	rep, err := r.engine.Resample(context.Background(), r.graph(nodes...), nil, 1, ApplyOptions{}, func(Event) {})
	if err != nil || rep.Cached != 3 || rep.Run != 3 || len(rep.Failed) > 0 {
		t.Fatalf("%+v, %v", rep, err)
	}
	if len(rep.Differ) != 1 || rep.Differ[0].Address != "moody" {
		t.Fatalf("differ %+v", rep.Differ)
	}
	out := rep.Differ[0].Outputs[0]
	if out.Name != "out" || out.First == out.Second || len(out.Files) != 1 || out.Files[0].Path != "mood" || out.Files[0].Kind != "changed" {
		t.Errorf("output %+v", out)
	}
	raw, err := os.ReadFile(filepath.Join(r.engine.Store.dir, seconds, rep.Differ[0].Key+".json"))
	var kept secondRun
	if err != nil || json.Unmarshal(raw, &kept) != nil || kept.Outputs["out"] != out.Second {
		t.Errorf("kept %s, %v", raw, err)
	}
	if after := r.content("moody"); after != before {
		t.Errorf("the result was changed from %q to %q", before, after)
	}
	r.counts(r.apply(ApplyOptions{}, nodes...), 3, 3, 0, 0, 0)
}

func TestASampleIsChosenByKey(t *testing.T) {
	r := newRig(t)
	var nodes []*Node
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		nodes = append(nodes, node(name, "text", name))
	}
	r.apply(ApplyOptions{}, nodes...)
	var first []string
	for range 2 {
		var ran []string
		rep, err := r.engine.Resample(context.Background(), r.graph(nodes...), nil, 0.5, ApplyOptions{Parallelism: 1}, func(e Event) {
			if e.Type == EventStart {
				ran = append(ran, e.Address)
			}
		})
		if err != nil || len(ran) != rep.Run || rep.Run == 0 || rep.Run == 8 {
			t.Fatalf("%+v, %v", rep, err)
		}
		slices.Sort(ran)
		if first != nil && !slices.Equal(ran, first) {
			t.Errorf("ran %q, then %q", first, ran)
		}
		first = ran
	}
	if rep, err := r.engine.Resample(context.Background(), r.graph(nodes...), []string{"c"}, 1e-9, ApplyOptions{}, func(Event) {}); err != nil || rep.Run != 1 {
		t.Errorf("of one: %+v, %v", rep, err)
	}
}
