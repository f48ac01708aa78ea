package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/pipe-ml/pipe/accel/cpu"
)

// fixtureBound is for float32 against float64 over a few narrow layers: 1e-6, and where a batch norm by few values takes away most of a gradient, ten times
// as much of the rest.
const fixtureBound = 2e-5

// paths are the files of the cases that are checked in.
func paths(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob("../model/testdata/parity/*/*.safetensors")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	return paths
}

// fixtures opens those of networks.
func fixtures(t *testing.T) []*Case {
	t.Helper()
	var out []*Case
	for _, p := range paths(t) {
		if families[filepath.Base(filepath.Dir(p))] == nil {
			continue
		}
		c, err := Open(p)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		out = append(out, c)
	}
	return out
}

func TestFixturesAgreeWithTheirReferences(t *testing.T) {
	dev := cpu.New(1)
	defer dev.Close()
	for _, c := range fixtures(t) {
		t.Run(c.String(), func(t *testing.T) {
			rep, err := Runner{Device: dev}.Run(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			t.Log(rep.Worst("tap.", "loss"), rep.Worst("grad.", "sketch."), rep.Worst("step."))
			if err := rep.Check(fixtureBound); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestEveryFamilyHasSmallFixtures(t *testing.T) {
	seen := map[string]bool{}
	total := int64(0)
	for _, path := range paths(t) {
		st, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if st.Size() > 200_000 {
			t.Errorf("%s has %d bytes: want 200,000 at most", path, st.Size())
		}
		total += st.Size()
		seen[filepath.Base(filepath.Dir(path))] = true
	}
	if total > 5_000_000 {
		t.Errorf("the fixtures have %d bytes: want 5,000,000 at most", total)
	}
	for name := range families {
		if !seen[name] {
			t.Errorf("family %s has no fixture", name)
		}
	}
}
