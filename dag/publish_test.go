package dag

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestPublish(t *testing.T) {
	r := newRig(t)
	folder := func(text string) *Node {
		n := node("d", "tree", "")
		n.Outputs = []Output{{Name: "out", Path: "out"}}
		n.Config = map[string]any{"files": map[string]any{"sub/x.txt": text}}
		return n
	}
	pubs := []Publication{
		{Name: "file", Ref: Ref{"a", "out"}, Path: filepath.Join(r.dir, "figures", "a.txt")},
		{Name: "folder", Ref: Ref{"d", "out"}, Path: filepath.Join(r.dir, "figures", "d")},
		{Name: "failed", Ref: Ref{"bad", "out"}, Path: filepath.Join(r.dir, "figures", "bad.txt")},
	}
	r.write("figures/bad.txt", "of an earlier run")
	apply := func(nodes ...*Node) int {
		t.Helper()
		sum, err := r.engine.Apply(context.Background(), r.graph(nodes...), pubs, ApplyOptions{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return sum.Published
	}
	read := func(name string) string { return readAll(filepath.Join(r.dir, "figures", name)) }

	if n := apply(node("a", "text", "1"), folder("x"), node("bad", "fail", "")); n != 2 {
		t.Errorf("%d published, want 2", n)
	}
	if read("a.txt") != "1" || read("d") != "sub/x.txt=x" || read("bad.txt") != "of an earlier run" {
		t.Errorf("%q, %q, %q", read("a.txt"), read("d"), read("bad.txt"))
	}
	before, _ := os.Stat(pubs[0].Path)
	if before.Mode().Perm() != 0o644 {
		t.Errorf("a published file has mode %v", before.Mode())
	}
	if n := apply(node("a", "text", "1"), folder("x"), node("bad", "fail", "")); n != 0 {
		t.Errorf("%d published again", n)
	}
	if after, _ := os.Stat(pubs[0].Path); !after.ModTime().Equal(before.ModTime()) {
		t.Error("a file that did not change was written")
	}
	if n := apply(node("a", "text", "2"), folder("y"), node("bad", "fail", "")); n != 2 {
		t.Errorf("%d published after a change, want 2", n)
	}
	if read("a.txt") != "2" || read("d") != "sub/x.txt=y" {
		t.Errorf("%q, %q", read("a.txt"), read("d"))
	}
	list, err := os.ReadDir(filepath.Join(r.dir, "figures"))
	if err != nil || len(list) != 3 {
		t.Errorf("left beside: %v, %v", list, err)
	}
}

func TestPublishingOverwritesOnlyWhatWasPublished(t *testing.T) {
	r := newRig(t)
	tree := func(text string) *Node {
		n := node("d", "tree", "")
		n.Outputs = []Output{{Name: "out", Path: "out"}}
		n.Config = map[string]any{"files": map[string]any{"x.txt": text}}
		return n
	}
	publish := func(engine *Engine, path, text string) error {
		t.Helper()
		pubs := []Publication{{Name: "folder", Ref: Ref{"d", "out"}, Path: path}}
		_, err := engine.Apply(context.Background(), r.graph(tree(text)), pubs, ApplyOptions{}, nil)
		return err
	}
	refused := func(err error, path, want string) {
		t.Helper()
		var place *PlaceError
		if !errors.As(err, &place) || place.Path != path || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "Move it away") {
			t.Errorf("got %v, want a refusal of %s that says %q", err, path, want)
		}
	}
	other := func() *Engine {
		store, err := Open(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		e := *r.engine
		e.Store = store
		return &e
	}

	r.write("project/src/main.go", "mine")
	mine := filepath.Join(r.dir, "project")
	refused(publish(r.engine, mine, "1"), mine, "not published from this store")
	if got := readAll(mine); got != "src/main.go=mine" {
		t.Errorf("left: %s", got)
	}
	link := filepath.Join(r.dir, "link")
	if err := os.Symlink(mine, link); err != nil {
		t.Fatal(err)
	}
	refused(publish(r.engine, link, "1"), link, "is a link")

	out := filepath.Join(r.dir, "figures", "d")
	for _, text := range []string{"1", "2", "1"} {
		if err := publish(r.engine, out, text); err != nil {
			t.Fatal(err)
		}
	}
	r.write("figures/d/notes.txt", "mine")
	refused(publish(r.engine, out, "2"), out, "was changed after it was published")
	if got := readAll(out); got != "notes.txt=minex.txt=1" {
		t.Errorf("left: %q", got)
	}
	if err := os.Remove(filepath.Join(out, "notes.txt")); err != nil {
		t.Fatal(err)
	}
	second := other()
	if err := publish(second, out, "1"); err != nil { // the same bytes from another store
		t.Fatal(err)
	}
	refused(publish(other(), out, "2"), out, "not published from this store")
	if err := publish(second, out, "2"); err != nil { // it has met what stands there
		t.Fatal(err)
	}
	if err := publish(r.engine, filepath.Join(r.engine.Store.Dir(), "cas"), "1"); err == nil || !strings.Contains(err.Error(), "overlaps the store") {
		t.Errorf("published into the store: %v", err)
	}
	if err := publish(r.engine, filepath.Dir(r.engine.Store.Dir()), "1"); err == nil || !strings.Contains(err.Error(), "overlaps the store") {
		t.Errorf("published over the store: %v", err)
	}
}

func TestAKilledRunDoesNotBlockTheNextPublication(t *testing.T) {
	r := newRig(t)
	path := filepath.Join(r.dir, "a.txt")
	pubs := []Publication{{Name: "file", Ref: Ref{"a", "out"}, Path: path}}
	apply := func(text string) {
		t.Helper()
		if _, err := r.engine.Apply(context.Background(), r.graph(node("a", "text", text)), pubs, ApplyOptions{}, nil); err != nil {
			t.Fatal(err)
		}
	}
	apply("1")
	// Killed after the note and before the file: the old one stands there still.
	if err := r.engine.Store.notePublished(path, Digest(filePrefix+hashBytes([]byte("2")))); err != nil {
		t.Fatal(err)
	}
	apply("3")
	if got := readAll(path); got != "3" {
		t.Errorf("%q stands there", got)
	}
}

func TestJournalAndSummaryAreFlat(t *testing.T) {
	r := newRig(t)
	r.apply(ApplyOptions{Command: []string{"pipe", "apply"}}, node("a", "talk", ""), node("b", "fail", ""))
	last := r.events[len(r.events)-1]
	raw, err := json.Marshal(last)
	if err != nil {
		t.Fatal(err)
	}
	var flat map[string]any
	if err := json.Unmarshal(raw, &flat); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{"type": "summary", "total": 2.0, "cached": 0.0, "executed": 1.0, "failed": 1.0, "skipped": 0.0} {
		if flat[name] != want {
			t.Errorf("%s is %v, want %v", name, flat[name], want)
		}
	}
	runs, err := r.engine.Store.Runs()
	if err != nil || len(runs) != 1 {
		t.Fatalf("%v, %v", runs, err)
	}
	run := runs[0]
	if strings.Join(run.Command, " ") != "pipe apply" || run.Summary.Executed != 1 || run.Finished.Before(run.Started) || len(run.Summary.Failures) != 1 {
		t.Errorf("run %+v, %+v", run, run.Summary)
	}
	entries, err := r.engine.Store.Journal(run.ID)
	if err != nil {
		t.Fatal(err)
	}
	var types []string
	for _, e := range entries {
		if e.Address == "" || e.Address == "a" {
			types = append(types, e.Type)
		}
	}
	if got, want := strings.Join(types, " "), "run cached plan action_queued action_start action_progress action_complete summary"; got != want {
		t.Errorf("journal: %s, want %s", got, want)
	}
	if _, err := r.engine.Store.Journal("nothing"); err == nil {
		t.Error("there is a run called nothing")
	}
}

func TestARunSaysHowItStands(t *testing.T) {
	r := newRig(t)
	dead := fmt.Sprintf("%s.%d.x", hostname(), deadProcess(t))
	tests := []struct{ owner, end, want string }{
		{owner(), "", RunRunning},
		{dead, "", RunKilled},
		{"elsewhere.1.x", "", RunUnknown},
		{"", "", RunUnknown}, // of an older program
		{dead, `{"type":"summary","executed":1}`, RunDone},
		{dead, `{"type":"summary","failed":2}`, RunFailed},
		{dead, `{"type":"summary","failed":2,"interrupted":true}`, RunInterrupted},
		{dead, `{"type":"summ`, RunKilled},
	}
	for i, tt := range tests {
		id := fmt.Sprint(i)
		r.write("store/runs/"+id+".jsonl", fmt.Sprintf("{\"type\":\"run\",\"owner\":%q}\n%s\n", tt.owner, tt.end))
		run, err := r.engine.Store.Run(id)
		if err != nil || run.State != tt.want {
			t.Errorf("%+v, %v; want %s", run, err, tt.want)
		}
	}
}

func TestIndexFoldsJournalsOfRunsAtOnce(t *testing.T) {
	at := func(s int) time.Time { return time.Date(2026, 1, 1, 0, 0, s, 0, time.UTC) }
	done := func(s int, key string) Entry {
		return Entry{Event: Event{Type: EventComplete, Time: at(s), Address: "a", Key: key, Seconds: 1}}
	}
	failed := Entry{Event: Event{Type: EventFailed, Time: at(9), Address: "a", Key: "k9", Message: "no"}}
	x := &index{Addresses: map[string]Last{}}
	x.add("second", done(5, "k5"))
	x.add("first", done(3, "k3")) // older, though it is read later
	if l := x.Addresses["a"]; l.Key != "k5" || l.Run != "second" {
		t.Errorf("%+v", l)
	}
	x.add("first", failed)
	if l := x.Addresses["a"]; l.Key != "k5" || l.Failed != "k9" || l.Error != "no" {
		t.Errorf("%+v", l)
	}
	x.add("third", Entry{Event: Event{Type: lineCached, Time: at(10)}, Keys: map[string]string{"a": "k10"}})
	if l := x.Addresses["a"]; l.Key != "k10" || l.Failed != "" || l.Seconds != 1 {
		t.Errorf("%+v", l)
	}
}

func TestResourcesArePacked(t *testing.T) {
	r := newRig(t)
	all := machineMemory()
	big := func(a string, cpus int, memory int64) *Node {
		n := node(a, "text", a)
		n.Config["millis"] = 20
		n.Resources = Resources{CPUs: cpus, Memory: memory}
		return n
	}
	nodes := []*Node{big("a", 1, all/5*3), big("b", 1, all/5*3), big("c", 1, all/10*3), big("d", 2, 1), big("e", 9, all*9), big("f", 0, 0)}
	r.counts(r.apply(ApplyOptions{Parallelism: 2}, nodes...), 6, 0, 6, 0, 0)
	resources := map[string]Resources{}
	for _, n := range nodes {
		resources[n.Address] = n.Resources
	}
	cpus, memory := 0, int64(0)
	for _, e := range r.events {
		want := capacity{cpus: 2, memory: all}.want(&Node{Resources: resources[e.Address]})
		switch e.Type {
		case EventStart:
			cpus, memory = cpus+want.cpus, memory+want.memory
		case EventComplete:
			cpus, memory = cpus-want.cpus, memory-want.memory
			if e.Values["threads"] != float64(want.cpus) {
				t.Errorf("%s had %v threads, want %d", e.Address, e.Values["threads"], want.cpus)
			}
		}
		if cpus > 2 || memory > all {
			t.Fatalf("%d cpus and %d bytes in use at %s of %s", cpus, memory, e.Type, e.Address)
		}
	}
}

func TestLongestPathGoesFirst(t *testing.T) {
	r := newRig(t)
	nodes := []*Node{node("a", "text", ""), node("b", "text", "b"), node("c", "concat", "", "b"), node("d", "concat", "d", "c")}
	r.apply(ApplyOptions{Parallelism: 1}, nodes...)
	var order []string
	for _, e := range r.events {
		if e.Type == EventStart {
			order = append(order, e.Address)
		}
	}
	if got := strings.Join(order, " "); got != "b c a d" {
		t.Errorf("order %q", got)
	}
	nodes[3].Salt = "again"
	sibling := node("d[2]", "text", "sibling")
	sibling.Stage = "d"
	p := r.planned("d", nodes...)
	q := r.planned("d[2]", append(nodes, sibling)...)
	if p.Expect <= 0 || p.Expect != q.Expect || r.planned("a", nodes...).Expect != 0 {
		t.Errorf("expected %v seconds of d and %v of its sibling", p.Expect, q.Expect)
	}
}

// Bytes that a disk spoiled show in no stat. They are not given out, and the next run makes them again.
func TestSpoiledBytesAreNotPublished(t *testing.T) {
	for name, n := range map[string]*Node{"file": node("a", "text", "content of a"), "folder": node("a", "tree", "")} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			if name == "folder" {
				n.Outputs[0].Path = "out"
				n.Config = map[string]any{"files": map[string]any{"sub/x.txt": "content of a"}}
			}
			r.apply(ApplyOptions{}, n)
			hex := hashBytes([]byte("content of a"))
			blob := r.engine.Store.blob(hex)
			if err := errors.Join(os.Chmod(blob, 0o644), os.WriteFile(blob, []byte("CONTENT of a"), 0o644), seal(blob)); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(r.dir, "figures", "a")
			publish := func() (*Summary, error) {
				pubs := []Publication{{Name: "a", Ref: Ref{"a", "out"}, Path: path}}
				return r.open().Apply(context.Background(), r.graph(n), pubs, ApplyOptions{}, nil)
			}
			_, err := publish()
			var bad *BlobError
			if !errors.As(err, &bad) || !bad.Corrupt || !strings.Contains(err.Error(), "apply again, and a makes it again") {
				t.Errorf("error %v", err)
			}
			if list, _ := os.ReadDir(filepath.Dir(path)); len(list) != 0 {
				t.Errorf("published: %v", list)
			}
			if !r.engine.Store.quarantined(hex) {
				t.Error("the spoiled blob is not in quarantine")
			}
			sum, err := publish()
			if err != nil || sum.Executed != 1 || sum.Published != 1 || !strings.Contains(readAll(path), "content of a") {
				t.Errorf("the next run: %+v, %v, %q", sum, err, readAll(path))
			}
		})
	}
}
