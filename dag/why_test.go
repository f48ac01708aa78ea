package dag

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// study is the graph whose node "x" is explained: it reads an instance, a group, a folder, code and a probe.
func study(r *rig) []*Node {
	up := node("up", "tree", "")
	up.Outputs = []Output{{Name: "out", Kind: "data", Path: "out"}}
	up.Config = map[string]any{"files": map[string]any{"a.txt": "a", "sub/b.txt": "b"}}
	m1, m2 := node("m[1]", "text", "one"), node("m[2]", "text", "two")
	x := gathering(node("x", "concat", "X", "up"), "g")
	x.Inputs = append(x.Inputs, Input{Name: "outside", Path: filepath.Join(r.dir, "data")})
	x.Code = []string{"run.py"}
	x.Probe = []string{"cat", filepath.Join(r.dir, "version")}
	x.Config["split"] = map[string]any{"train": 0.7, "test": 0.3}
	x.Pos = map[string]Pos{"split": {File: "p.hcl", Line: 12}, "in": {File: "p.hcl", Line: 14}}
	return []*Node{up, m1, m2, group("g", "m[1]", "m[2]"), x}
}

func studyFiles(r *rig) {
	r.write("data/one.csv", "1")
	r.write("data/deep/two.csv", "2")
	r.write("run.py", "print()")
	r.write("version", "v1")
}

func TestWhy(t *testing.T) {
	tests := []struct {
		name  string
		edit  func(r *rig, nodes []*Node) []*Node // x is the last
		apply bool                                // of the producers, before asking
		state string
		lines []string // of the changes, then of their files
	}{
		{"nothing", func(_ *rig, n []*Node) []*Node { return n }, false, StateCached, nil},
		{"another address", func(_ *rig, n []*Node) []*Node { n[4].Address = "new"; n[4].Salt = "s"; return n }, false, StateRun, []string{"never ran"}},
		{"attribute", func(_ *rig, n []*Node) []*Node {
			n[4].Config["split"] = map[string]any{"train": 0.8, "test": 0.3}
			return n
		}, false, StateRun, []string{"split.train: 0.7 -> 0.8 (p.hcl:12)"}},
		{"attribute that goes, attribute that comes", func(_ *rig, n []*Node) []*Node {
			delete(n[4].Config, "text")
			n[4].Config["more"] = true
			return n
		}, false, StateRun, []string{"more: (none) -> true", `text: "X" -> (none)`}},
		{"attribute that has its default again", func(_ *rig, n []*Node) []*Node {
			n[4].Config["text"] = "default"
			return n
		}, false, StateRun, []string{`text: "X" -> "default" (the default)`}},
		{"attribute whose value is secret", func(_ *rig, n []*Node) []*Node {
			n[4].Config["split"] = map[string]any{"train": 0.8, "test": 0.2}
			n[4].Secret = []string{"split.train"}
			return n
		}, false, StateRun, []string{"split.test: 0.3 -> 0.2 (p.hcl:12)", "split.train: (sensitive) -> (sensitive) (p.hcl:12)"}},
		{"attribute around a secret", func(_ *rig, n []*Node) []*Node {
			n[4].Config["split"] = []any{0.8}
			n[4].Secret = []string{"split[0]"}
			return n
		}, false, StateRun, []string{"split: (sensitive) -> (sensitive) (p.hcl:12)"}},
		{"manifests of another version of pipe", func(r *rig, n []*Node) []*Node { r.ageManifest("x"); return n }, false, StateRun,
			[]string{"this version of pipe makes its keys in another way (0 -> 1)"}},
		{"version", func(_ *rig, n []*Node) []*Node { n[4].Version = 2; return n }, false, StateRun, []string{"version of concat: 1 -> 2"}},
		{"type", func(_ *rig, n []*Node) []*Node { n[4].Type = "text"; return n }, false, StateRun, []string{"type: concat -> text"}},
		{"salt", func(_ *rig, n []*Node) []*Node { n[4].Salt = "poison"; return n }, false, StateRun, []string{"salt: (none) -> poison"}},
		{"code", func(r *rig, n []*Node) []*Node { r.write("run.py", "print(1)"); return n }, false, StateRun, []string{"code run.py changed"}},
		{"probe", func(r *rig, n []*Node) []*Node { r.write("version", "v2"); return n }, false, StateRun, []string{"v1 -> v2"}},
		{"output", func(_ *rig, n []*Node) []*Node { n[4].Outputs[0].Path = "out.csv"; return n }, false, StateRun, []string{"output out: out.txt -> out.csv"}},
		{"files of an outside folder", func(r *rig, n []*Node) []*Node {
			r.write("data/deep/two.csv", "22")
			r.write("data/three.csv", "3")
			os.Remove(filepath.Join(r.dir, "data", "one.csv"))
			return n
		}, false, StateRun, []string{"input outside changed", "changed deep/two.csv", "removed one.csv", "added three.csv"}},
		{"name of an outside folder", func(r *rig, n []*Node) []*Node {
			os.Rename(filepath.Join(r.dir, "data"), filepath.Join(r.dir, "other"))
			n[4].Inputs[2].Path = filepath.Join(r.dir, "other")
			return n
		}, false, StateRun, []string{"input outside: data -> other"}},
		{"input dropped", func(_ *rig, n []*Node) []*Node { n[4].Inputs = n[4].Inputs[:2]; return n }, false, StateRun, []string{"input outside is no longer read"}},
		{"upstream that will run", func(_ *rig, n []*Node) []*Node { n[1].Config["text"] = "uno"; return n }, false, StateMaybe, []string{`input all_g (name=m[1]) waits for m[1], which has to run: text: "one" -> "uno"`}},
		{"upstream that gave other bytes", func(_ *rig, n []*Node) []*Node {
			n[0].Config["files"] = map[string]any{"a.txt": "a", "sub/b.txt": "B", "sub/c.txt": "c"}
			return n
		}, true, StateRun, []string{`input in changed: other bytes from up.out (p.hcl:14), since files.sub/b.txt: "b" -> "B", files.sub/c.txt: (none) -> "c"`, "changed sub/b.txt", "added sub/c.txt"}},
		{"member that gave other bytes", func(_ *rig, n []*Node) []*Node { n[2].Config["text"] = "dos"; return n }, true, StateRun,
			[]string{"input all_g changed: name=m[2] changed", "changed name=m[2]"}},
		{"member more, member less", func(_ *rig, n []*Node) []*Node {
			n[2] = node("m[3]", "text", "three")
			n[3] = group("g", "m[1]", "m[3]")
			return n
		}, true, StateRun, []string{"input all_g changed: name=m[2] removed; name=m[3] added", "removed name=m[2]", "added name=m[3]"}},
		{"member more that is not made yet", func(_ *rig, n []*Node) []*Node {
			n[3] = group("g", "m[1]", "m[2]", "m[3]")
			return slices.Insert(n, 3, node("m[3]", "text", "three"))
		}, false, StateRun, []string{"input all_g changed: name=m[3] added", "added name=m[3]", "input all_g (name=m[3]) waits for m[3], which has to run: never ran"}},
		{"members in another order", func(_ *rig, n []*Node) []*Node { n[3] = group("g", "m[2]", "m[1]"); return n }, false, StateRun,
			[]string{"input all_g changed: name=m[2], name=m[1] moved", "moved name=m[2]", "moved name=m[1]"}},
		{"member with another extension", func(_ *rig, n []*Node) []*Node { n[1].Outputs[0].Path = "out.csv"; return n }, true, StateRun,
			[]string{"input all_g changed: name=m[1] renamed", "renamed name=m[1]"}},
		{"member whose bytes are gone", func(r *rig, n []*Node) []*Node { os.Remove(r.blobOf("m[2]")); return n }, false, StateMaybe,
			[]string{"input all_g (name=m[2]) waits for m[2], which has to run: its result was removed from the store: output out: sha256:"}},
		{"member whose bytes are damaged", func(r *rig, n []*Node) []*Node {
			os.Chmod(r.blobOf("m[2]"), 0o644)
			os.WriteFile(r.blobOf("m[2]"), []byte("?"), 0o644)
			r.planned("x", n...) // the first look puts it in quarantine; the second one must tell the same
			return n
		}, false, StateMaybe, []string{"input all_g (name=m[2]) waits for m[2], which has to run: its result was damaged: output out: sha256:"}},
		{"file of an input folder that is gone", func(r *rig, n []*Node) []*Node {
			os.Remove(r.engine.Store.blob(hashBytes([]byte("b"))))
			return n
		}, false, StateMaybe, []string{"input in waits for up, which has to run: its result was removed from the store: output out: sub/b.txt (sha256:"}},
		{"old list of a group that is gone", func(r *rig, n []*Node) []*Node {
			res, _ := r.engine.Store.LastResult("x")
			m, _ := r.engine.Store.Manifest(res.Key)
			os.Remove(r.engine.Store.blob(m.Inputs[1].Digest.Hex()))
			n[2].Config["text"] = "dos"
			return n
		}, true, StateRun, []string{"input all_g changed: by which members cannot be told"}},
		{"one instead of all", func(_ *rig, n []*Node) []*Node {
			n[4].Inputs[1] = Input{Name: "all_g", From: &Ref{"m[1]", "out"}}
			return n
		}, false, StateRun, []string{"input all_g: all that is gathered -> one file or folder"}},
		{"evicted", func(r *rig, n []*Node) []*Node { os.Remove(r.blobOf("x")); return n }, false, StateRun, []string{"its result was removed from the store: output out"}},
		{"corrupt", func(r *rig, n []*Node) []*Node {
			os.Chmod(r.blobOf("x"), 0o644)
			os.WriteFile(r.blobOf("x"), []byte("?"), 0o644)
			return n
		}, false, StateRun, []string{"its result was damaged: output out"}},
		{"record gone", func(r *rig, n []*Node) []*Node {
			res, _ := r.engine.Store.LastResult("x")
			os.Remove(r.engine.Store.record(res.Key))
			return n
		}, false, StateRun, []string{"its result was removed from the store: its record is gone"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t)
			studyFiles(r)
			r.apply(ApplyOptions{}, study(r)...)
			nodes := tt.edit(r, study(r))
			last := len(nodes) - 1
			if tt.apply {
				r.apply(ApplyOptions{}, nodes[:last]...)
			}
			x, err := r.engine.Why(context.Background(), r.graph(nodes...), nodes[last].Address)
			if err != nil {
				t.Fatal(err)
			}
			if x.State != tt.state {
				t.Errorf("state %s (%s), want %s", x.State, x.Reason, tt.state)
			}
			var lines []string
			for _, c := range x.Changes {
				lines = append(lines, c.String())
				for _, f := range c.Files {
					lines = append(lines, f.Kind+" "+f.Path)
				}
			}
			if len(lines) != len(tt.lines) {
				t.Fatalf("%d lines, want %d:\n%s", len(lines), len(tt.lines), strings.Join(lines, "\n"))
			}
			for i, want := range tt.lines {
				if !strings.Contains(lines[i], want) {
					t.Errorf("line %d is %q, want %q", i, lines[i], want)
				}
			}
			if (x.Last == nil) != (tt.name == "another address" || tt.name == "record gone" || strings.HasPrefix(tt.name, "manifests")) {
				t.Errorf("last result %v", x.Last)
			}
		})
	}
}

// ageManifest lets the last result of an address be one of an earlier schema.
func (r *rig) ageManifest(address string) {
	r.Helper()
	s := r.engine.Store
	res, err := s.LastResult(address)
	if err != nil {
		r.Fatal(err)
	}
	m, err := s.Manifest(res.Key)
	if err != nil {
		r.Fatal(err)
	}
	m.Schema = 0
	raw, key, err := m.canonical()
	if err != nil {
		r.Fatal(err)
	}
	j, err := s.begin(ApplyOptions{})
	if err != nil {
		r.Fatal(err)
	}
	if err := errors.Join(
		os.Remove(s.record(res.Key)), s.publisher().put(key, raw, false),
		j.event(Event{Type: EventComplete, Time: time.Now(), Address: address, Key: key}), j.file.Close(),
	); err != nil {
		r.Fatal(err)
	}
}

func TestReasonOfAFailureAndOfReplace(t *testing.T) {
	r := newRig(t)
	bad := node("x", "fail", "no")
	r.apply(ApplyOptions{}, bad)
	x, err := r.engine.Why(context.Background(), r.graph(bad), "x")
	if err != nil {
		t.Fatal(err)
	}
	if x.Reason != "the last attempt failed: cannot: no" {
		t.Errorf("reason %q", x.Reason)
	}
	good := node("y", "text", "")
	r.apply(ApplyOptions{}, good)
	p, err := r.engine.Plan(context.Background(), r.graph(good), nil, PlanOptions{Replace: []string{"y"}})
	if err != nil || p.Actions[0].Reason != "asked for by -replace" {
		t.Errorf("plan %+v, %v", p, err)
	}
}

func TestStartTellsTheReason(t *testing.T) {
	r := newRig(t)
	r.apply(ApplyOptions{}, node("a", "text", "1"), node("b", "concat", "", "a"))
	r.apply(ApplyOptions{}, node("a", "text", "2"), node("b", "concat", "", "a"))
	got := map[string]string{}
	for _, e := range r.events {
		if e.Type == EventStart {
			got[e.Address] = e.Reason
		}
	}
	want := map[string]string{"a": `text: "1" -> "2"`, "b": `input in changed: other bytes from a.out, since text: "1" -> "2"`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAnInstanceWithTheKeyOfAnotherSaysSo(t *testing.T) {
	r := newRig(t)
	r.apply(ApplyOptions{}, node("a", "text", "1"), node("b", "text", "1"))
	var ran, reason string
	for _, e := range r.events {
		if e.Type == EventComplete && e.Cached {
			reason = e.Reason
		} else if e.Type == EventComplete {
			ran = e.Address
		}
	}
	if want := "same key as " + ran; ran == "" || reason != want {
		t.Errorf("reason %q, want %q", reason, want)
	}
}

func TestAHeadlineAnnouncesNothing(t *testing.T) {
	for message, want := range map[string]string{
		"sh: exit status 3; its last lines:\n  no":            "sh: exit status 3",
		"killed; again; its last lines were:\nno\nno":         "killed; again",
		"attributes:\n  a":                                    "attributes",
		"no config.json in the folder; is it a model? (x: y)": "no config.json in the folder; is it a model? (x: y)",
		"": "",
	} {
		if got := Headline(message); got != want {
			t.Errorf("%q: got %q, want %q", message, got, want)
		}
	}
}
