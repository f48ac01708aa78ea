package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// event is what the tests look at in a JSON line.
type event struct {
	Type    string
	Message string
	Hit     bool
}

// killWhen starts pipe apply in dir, kills it (-9) right after the first event that is the one waited for, and
// returns when nothing of it can write any more. It fails the test if the event does not come.
func killWhen(t *testing.T, dir string, awaited func(event) bool, meanwhile func()) {
	t.Helper()
	cmd := exec.Command("pipe", "apply", "-json", "-parallelism", "2", "study.hcl")
	cmd.Dir = dir
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	seen := false
	var last []byte
	for lines := bufio.NewReader(out); !seen; {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			break
		}
		var e event
		if err := json.Unmarshal(line, &e); err != nil {
			t.Errorf("%s: %v", line, err)
		}
		last, seen = line, awaited(e)
	}
	if seen && meanwhile != nil {
		meanwhile()
	}
	if err := cmd.Process.Kill(); err != nil && seen {
		t.Error(err)
	}
	_, _ = io.Copy(io.Discard, out)
	_ = cmd.Wait() // killed
	if !seen {
		t.Fatalf("apply ended before it could be killed, with %s", last)
	}
}

// writeStudy writes the study of the script study.txtar to a new folder.
func writeStudy(t *testing.T) string {
	t.Helper()
	archive, err := txtar.ParseFile("testdata/script/study.txtar")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := txtar.Write(archive, dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

func applyStudy(t *testing.T, dir string) {
	t.Helper()
	cmd := exec.Command("pipe", "apply", "-no-color", "study.hcl")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// made is all that an apply leaves: the published files, and what the results say.
func made(t *testing.T, dir string) (files map[string][]byte, listed string) {
	t.Helper()
	files = map[string][]byte{}
	root := filepath.Join(dir, "figures")
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		files[path[len(root):]], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if listed, err = results(filepath.Join(dir, ".pipe")); err != nil {
		t.Fatal(err)
	}
	return files, listed
}

// A study that is killed again and again, wherever it is, ends with what an undisturbed one makes.
func TestAKilledStudyEndsWithTheSameOutputs(t *testing.T) {
	t.Setenv("PIPE_CHECKPOINT", "0s") // a training keeps its state after each step
	whole, broken := writeStudy(t), writeStudy(t)
	applyStudy(t, whole)
	for _, k := range []struct {
		event string
		count int // the how manieth event of a run
	}{
		{"plan", 1}, {"action_start", 1}, {"action_complete", 1}, {"action_progress", 1}, {"action_start", 4}, {"action_progress", 3},
		{"action_complete", 2}, {"action_queued", 1}, {"publish", 1}, {"publish", 4}, {"publish", 5},
	} {
		n := 0
		killWhen(t, broken, func(e event) bool {
			if e.Type == k.event && !e.Hit {
				n++
			}
			return n == k.count
		}, nil)
	}
	applyStudy(t, broken)
	wantFiles, want := made(t, whole)
	gotFiles, got := made(t, broken)
	if got != want {
		t.Errorf("results after kills:\n%s\nundisturbed:\n%s", got, want)
	}
	if len(wantFiles) < 6 || !maps.EqualFunc(gotFiles, wantFiles, bytes.Equal) {
		t.Errorf("published after kills %q, undisturbed %q, or the bytes differ", slices.Sorted(maps.Keys(gotFiles)), slices.Sorted(maps.Keys(wantFiles)))
	}
}
