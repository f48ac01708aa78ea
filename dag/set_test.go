package dag

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRunsThatFindTheSameShareOneSet(t *testing.T) {
	r := newRig(t)
	var nodes []*Node
	for i := range 50 {
		nodes = append(nodes, node(fmt.Sprintf("a.x[%d]", i), "text", fmt.Sprint(i)))
	}
	for range 4 {
		r.apply(ApplyOptions{}, nodes...)
	}
	s := r.engine.Store
	sets, err := os.ReadDir(filepath.Join(s.Dir(), "sets"))
	if err != nil || len(sets) != 2 { // of nothing, and of all
		t.Errorf("%d sets, %v", len(sets), err)
	}
	runs, err := s.Runs()
	if err != nil || len(runs) != 4 {
		t.Fatalf("%d runs, %v", len(runs), err)
	}
	for i, run := range runs { // newest first
		raw, err := os.ReadFile(s.journal(run.ID))
		if err != nil || i < 3 && len(raw) > 2000 {
			t.Errorf("the journal of a run without work has %d bytes, %v", len(raw), err)
		}
		entries, err := s.Journal(run.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if want := map[bool]int{true: 0, false: len(nodes)}[i == 3]; e.Type == lineCached && len(e.Keys) != want {
				t.Errorf("run %s found %d, want %d", run.ID, len(e.Keys), want)
			}
		}
		if run.Summary == nil || run.Summary.Total != len(nodes) || run.Started.IsZero() {
			t.Errorf("run %+v", run)
		}
	}
	last, err := r.open().Store.last("a.x[7]")
	if err != nil || last.Run != runs[0].ID {
		t.Errorf("the last run that found it is %s, not %s, %v", last.Run, runs[0].ID, err)
	}
}

func TestDamagedSetIsWrittenAgain(t *testing.T) {
	r := newRig(t)
	r.apply(ApplyOptions{}, node("a.x", "text", "hi"))
	r.apply(ApplyOptions{}, node("a.x", "text", "hi"))
	s := r.engine.Store
	sets, err := filepath.Glob(filepath.Join(s.Dir(), "sets", "*"))
	if err != nil || len(sets) != 2 {
		t.Fatal(sets, err)
	}
	for _, path := range sets {
		if err := os.Truncate(path, 1); err != nil {
			t.Fatal(err)
		}
	}
	r.counts(r.apply(ApplyOptions{}, node("a.x", "text", "hi")), 1, 1, 0, 0, 0)
	runs, err := s.Runs()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Journal(runs[0].ID); err != nil {
		t.Error(err)
	}
	if _, err := s.Journal(runs[2].ID); err == nil {
		t.Error("what the first run found reads although it is damaged")
	}
}

func TestEndsOfAJournalAreFoundHoweverLongItsLinesAre(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j")
	for _, n := range []int{0, 10, 5000, 300_000} {
		first, last := "first"+strings.Repeat("a", n)+"\n", "last"+strings.Repeat("b", n)+"\n"
		for text, want := range map[string]string{
			"":                                 "",
			first:                              first,
			first + last:                       first + last,
			first + "middle\n" + last:          first + last,
			first + "middle\n" + last + "torn": first + "torn",
		} {
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			if got, err := readEnds(path); err != nil || string(got) != want {
				t.Errorf("%d: %.40q of %.40q, %v", n, got, text, err)
			}
		}
	}
}
