package executortest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pipe-ml/pipe/dag"
)

// heard is what an executor told of one job.
type heard struct {
	mu     sync.Mutex
	lines  []string
	events []dag.WorkerEvent
	over   bool
}

func (h *heard) log(line string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.over {
		panic("a line after the end: " + line)
	}
	h.lines = append(h.lines, line)
}

func (h *heard) event(e dag.WorkerEvent) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.over {
		panic("an event after the end: " + e.Kind)
	}
	h.events = append(h.events, e)
}

func (h *heard) kinds() []string {
	var kinds []string
	for _, e := range h.events {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

// NewJob makes a job for a worker as Worker, in a work folder below root as the engine makes it.
func NewJob(t testing.TB, root, typ string, config map[string]any) dag.Job {
	t.Helper()
	dir, err := os.MkdirTemp(root, "job")
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	job := dag.Job{Key: filepath.Base(dir), Stage: "test." + typ, Attempt: 1}
	job.Request = dag.Request{
		Address: "test." + typ, Type: typ, Version: 1, Config: raw, Inputs: map[string]dag.InputPaths{},
		Outputs: map[string]string{"out": filepath.Join(dir, "outputs", "out.txt")}, WorkDir: dir, Threads: 1,
	}
	if err := os.Mkdir(filepath.Join(dir, "outputs"), 0o777); err != nil {
		t.Fatal(err)
	}
	return job
}

// Keep writes the job into its work folder, as the engine does for a dag.Remote.
func Keep(t testing.TB, job dag.Job) dag.Job {
	t.Helper()
	raw, err := json.Marshal(job)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(job.WorkDir, dag.JobFile), raw, 0o666); err != nil {
		t.Fatal(err)
	}
	return job
}

// run performs a job and gives what was heard of it.
func run(ctx context.Context, x dag.Executor, job dag.Job) (*heard, error) {
	h := &heard{}
	err := x.Run(ctx, job, h.log, h.event)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.over = true
	return h, err
}

// Suite runs all tests. open gives an executor whose workers are Worker, and a folder for jobs.
func Suite(t *testing.T, open func(t *testing.T) (dag.Executor, string)) {
	type test struct {
		typ    string
		config map[string]any
		limit  time.Duration
		class  string // "": it ends well
		text   string // in the error, or in the output
		logged string
	}
	for name, tt := range map[string]test{
		"success": {typ: "write", config: map[string]any{"text": "hello"}, text: "hello"},
		"failure": {typ: "fail", config: map[string]any{"text": "no such file"}, class: dag.ClassError, text: "no such file"},
		"crash":   {typ: "exit", class: dag.ClassCrash, text: "exit status 3", logged: "last words"},
		"killed":  {typ: "kill", class: dag.ClassCrash, text: "signal 9"},
		"junk":    {typ: "junk", class: dag.ClassCrash, text: "standard output is the protocol"},
		"timeout": {typ: "sleep", limit: 200 * time.Millisecond, class: dag.ClassTimeout, text: "limit of 200ms"},
		"talk":    {typ: "talk", text: "told", logged: "to standard error"},
	} {
		t.Run(name, func(t *testing.T) {
			x, root := open(t)
			job := NewJob(t, root, tt.typ, tt.config)
			job.Resources.Time = tt.limit
			h, err := run(t.Context(), x, Keep(t, job))
			check(t, err, tt.class, tt.text, job)
			if tt.logged != "" && !strings.Contains(strings.Join(h.lines, "\n"), tt.logged) {
				t.Errorf("logged %q, which lacks %q", h.lines, tt.logged)
			}
			if _, remote := x.(dag.Remote); remote && (h.kinds()[0] != dag.EventBegin || err == nil && h.kinds()[len(h.events)-1] != dag.EventRan) {
				t.Errorf("events %v, which do not begin and end as they should", h.kinds())
			}
			if name == "talk" && !(slices.Contains(h.kinds(), "progress") && slices.Contains(h.kinds(), "metric")) {
				t.Errorf("events %v lack progress or metric", h.kinds())
			}
		})
	}
	t.Run("cancelled", func(t *testing.T) { cancelled(t, open) })
	t.Run("cancelled before", func(t *testing.T) {
		x, root := open(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := run(ctx, x, Keep(t, NewJob(t, root, "write", nil))); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("many at once", func(t *testing.T) { many(t, open) })
}

// check compares how a job ended with how it should have.
func check(t *testing.T, err error, class, text string, job dag.Job) {
	t.Helper()
	if class == "" {
		out, rerr := os.ReadFile(job.Outputs["out"])
		if err != nil || rerr != nil || !strings.Contains(string(out), text) {
			t.Errorf("error %v, output %q (%v), want %q", err, out, rerr, text)
		}
		return
	}
	var failed *dag.ActionError
	if !errors.As(err, &failed) || failed.Class != class || !strings.Contains(failed.Message, text) {
		t.Errorf("error %v, want class %s and %q", err, class, text)
	} else if class == dag.ClassError && failed.Attribute != "text" {
		t.Errorf("attribute %q is to blame, want text", failed.Attribute)
	}
}

// A cancelled job ends, and with it what it started.
func cancelled(t *testing.T, open func(t *testing.T) (dag.Executor, string)) {
	x, root := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	job := Keep(t, NewJob(t, root, "sleep", nil))
	begun := make(chan struct{})
	done := make(chan error)
	go func() {
		err := x.Run(ctx, job, func(string) {}, func(e dag.WorkerEvent) {
			if e.Kind == "progress" {
				close(begun)
			}
		})
		done <- err
	}()
	<-begun
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	pid, err := os.ReadFile(filepath.Join(job.WorkDir, "pid"))
	if err != nil {
		t.Fatal(err)
	}
	if alive(string(pid)) {
		t.Errorf("process %s lives on", pid)
	}
}

func many(t *testing.T, open func(t *testing.T) (dag.Executor, string)) {
	const n = 25
	x, root := open(t)
	var wg sync.WaitGroup
	for i := range n {
		job := Keep(t, NewJob(t, root, "write", map[string]any{"text": fmt.Sprintf("number %d.", i)}))
		wg.Go(func() {
			_, err := run(t.Context(), x, job)
			check(t, err, "", fmt.Sprintf("number %d.", i), job)
		})
	}
	wg.Wait()
}
