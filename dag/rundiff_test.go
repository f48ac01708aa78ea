package dag

import (
	"fmt"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestARunIsFoundByItsNameItsBeginningOrItsAge(t *testing.T) {
	r := newRig(t)
	for _, id := range []string{"20260101T000000.000", "20260102T000000.000", "20260102T000000.000-1"} {
		if err := os.WriteFile(r.engine.Store.journal(id), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for text, want := range map[string]string{
		"latest": "20260102T000000.000-1", "latest~2": "20260101T000000.000", "20260101": "20260101T000000.000",
		"20260102T000000.000": "20260102T000000.000", // a whole name, although another one begins so
		"latest~3":            "", "latest1": "", "latest~x": "", "latest~-1": "", "2026": "", "x": "",
	} {
		got, err := r.engine.Store.FindRun(text)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v; want %q", text, got, err, want)
		}
	}
}

func TestRunsDifferInWhatTheirResultsWereMadeOf(t *testing.T) {
	r := newRig(t)
	studyFiles(r)
	before := r.apply(ApplyOptions{}, append(study(r), node("old", "text", ""))...).Run
	r.write("run.py", "print(1)")
	nodes := study(r)
	nodes[0].Config["files"] = map[string]any{"a.txt": "other"}
	nodes[4].Config["text"] = "Y"
	after := r.apply(ApplyOptions{}, append(nodes, node("new", "text", "n"), node("bad", "fail", ""))...).Run
	got, err := r.engine.Store.DiffRuns(before, after)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, c := range got.Instances {
		lines = append(lines, fmt.Sprintf("%s old=%t new=%t failed=%t", c.Address, c.OldKey != "", c.NewKey != "", c.Failed))
		for _, x := range c.Changes {
			lines = append(lines, "  "+x.String())
			for _, f := range x.Files {
				lines = append(lines, "    "+f.Kind+" "+f.Path)
			}
		}
		for _, o := range c.Outputs {
			lines = append(lines, "  output "+o.Name)
		}
	}
	want := []string{
		"bad old=false new=false failed=true",
		"new old=false new=true failed=false",
		"old old=true new=false failed=false",
		"up old=true new=true failed=false",
		`  files.a.txt: "a" -> "other"`,
		`  files.sub/b.txt: "b" -> (none)`,
		"  output out",
		"x old=true new=true failed=false",
		`  text: "X" -> "Y"`,
		"  input in changed: other bytes from up",
		"    changed a.txt",
		"    removed sub",
		"  code run.py changed",
		"  output out",
	}
	if diff := cmp.Diff(want, lines); diff != "" || got.Same != 2 {
		t.Errorf("%d the same, want 2\n%s", got.Same, diff)
	}
}
