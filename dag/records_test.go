package dag

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// remembered puts the record of a result into the cache, as a process does that reads it a minute from now: a young
// record would not be remembered.
func remembered(t *testing.T, s *Store, key string) {
	t.Helper()
	raw, err := os.ReadFile(s.record(key))
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(s.record(key))
	if err != nil {
		t.Fatal(err)
	}
	s.records.add(statEntry{stampOf(info), time.Now().Add(time.Minute).UnixNano(), key}, raw)
	if err := s.records.save(s); err != nil {
		t.Fatal(err)
	}
}

func TestResultsAreReadFromTheCacheOnlyWhileTheirRecordsAreUntouched(t *testing.T) {
	for name, tt := range map[string]struct {
		touch func(path string) error
		there bool
	}{
		"untouched": {func(string) error { return nil }, true},
		"removed":   {os.Remove, false},
		"torn":      {func(path string) error { return os.Truncate(path, 20) }, false},
		"replaced by other bytes of the same size": {func(path string) error {
			raw, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			raw = []byte(strings.Replace(string(raw), `"key"`, `"kez"`, 1))
			later := time.Now().Add(time.Second) // than its last change by more than a tick of the file system's clock
			return errors.Join(os.WriteFile(path, raw, 0o644), os.Chtimes(path, later, later))
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.apply(ApplyOptions{}, node("a.x", "text", "hi"))
			res, err := r.engine.Store.LastResult("a.x")
			if err != nil {
				t.Fatal(err)
			}
			remembered(t, r.engine.Store, res.Key)
			path := r.engine.Store.record(res.Key)
			if err := tt.touch(path); err != nil {
				t.Fatal(err)
			}
			got, err := r.open().Store.Result(res.Key)
			if (err == nil) != tt.there || err == nil && got.Outputs[0] != res.Outputs[0] {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

func TestCacheOfResultsCanBeDeletedOrDamaged(t *testing.T) {
	r := newRig(t)
	r.apply(ApplyOptions{}, node("a.x", "text", "hi"), node("a.y", "text", "ho"))
	x, err := r.engine.Store.LastResult("a.x")
	if err != nil {
		t.Fatal(err)
	}
	remembered(t, r.engine.Store, x.Key)
	path := filepath.Join(r.engine.Store.Dir(), "records")
	for _, damage := range []func() error{
		func() error { return os.Truncate(path, 100) },
		func() error { return os.WriteFile(path, make([]byte, 4096), 0o644) },
		func() error { return os.WriteFile(path, []byte(x.Key+" 1 2 3 4 5 {}\nnothing\n"), 0o644) },
		func() error { return os.Remove(path) },
	} {
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		r.engine = r.open()
		r.counts(r.apply(ApplyOptions{}, node("a.x", "text", "hi"), node("a.y", "text", "ho")), 2, 2, 0, 0, 0)
	}
}

func TestCacheOfResultsForgetsRecordsThatAreGone(t *testing.T) {
	r := newRig(t)
	r.apply(ApplyOptions{}, node("a.x", "text", "hi"), node("a.y", "text", "ho"))
	s := r.engine.Store
	x, _ := s.LastResult("a.x")
	y, _ := s.LastResult("a.y")
	remembered(t, s, x.Key)
	if err := os.Remove(s.record(x.Key)); err != nil {
		t.Fatal(err)
	}
	later := r.open().Store
	remembered(t, later, y.Key)
	lines := readRecords(later.records.path)
	if len(lines) != 1 || lines[y.Key] == "" {
		t.Errorf("it holds %v", lines)
	}
}
