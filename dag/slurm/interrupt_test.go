package slurm

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pipe-ml/pipe/dag"
	"github.com/pipe-ml/pipe/dag/executortest"
)

func TestManyAreCancelledByOneCall(t *testing.T) {
	f := newFake(t, Config{Array: true})
	f.together()
	ctx, cancel := context.WithCancel(t.Context())
	var list []<-chan error
	var jobs []dag.Job
	for range 12 { // four run, eight wait
		job := f.job("sleep", nil)
		jobs = append(jobs, job)
		list = append(list, f.run(ctx, f.Executor, job))
	}
	until(t, "the fourth worker", func() bool {
		n := 0
		for _, j := range jobs {
			if there(filepath.Join(j.WorkDir, "pid"))() {
				n++
			}
		}
		return n == 4
	})
	cancel()
	for _, done := range list {
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
	if c := f.calls("scancel"); len(c) != 1 || len(regexp.MustCompile(`1_\d+`).FindAllString(c[0], -1)) != 12 {
		t.Errorf("scancel was called as %q", c)
	}
}

// After the first interrupt what runs goes on, and what waits in the queue is taken out of it.
func TestDrainGivesUpWhatHasNotBegun(t *testing.T) {
	f := newFake(t, Config{Array: true})
	f.together()
	open := filepath.Join(f.root, "open")
	var list []<-chan error
	var jobs []dag.Job
	for range 6 {
		job := f.job("write", map[string]any{"wait": open})
		jobs = append(jobs, job)
		list = append(list, f.run(t.Context(), f.Executor, job))
	}
	until(t, "the fourth worker", func() bool {
		n := 0
		for _, j := range jobs {
			if there(filepath.Join(j.WorkDir, eventsFile))() {
				n++
			}
		}
		return n == 4
	})
	f.Drain()
	if err := <-f.run(t.Context(), f.Executor, f.job("write", nil)); !errors.Is(err, dag.ErrNotBegun) {
		t.Errorf("one that comes later: %v", err)
	}
	ended := make(chan error)
	for _, done := range list {
		go func() { ended <- <-done }()
	}
	for range 2 {
		if err := <-ended; !errors.Is(err, dag.ErrNotBegun) {
			t.Errorf("one that waited: %v", err)
		}
	}
	if err := os.WriteFile(open, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		if err := <-ended; err != nil {
			t.Errorf("one that ran: %v", err)
		}
	}
}

// The first process dies; a second one finds jobs that wait, run or have ended, and one that was never submitted.
func TestAnotherProcessTakesJobsUp(t *testing.T) {
	f := newFake(t, Config{Array: true})
	open, mark := filepath.Join(f.root, "open"), filepath.Join(f.root, "mark")
	var jobs []dag.Job
	for i := range 6 {
		config := map[string]any{"mark": mark, "text": strconv.Itoa(i)}
		if i > 0 { // the first one ends while nobody looks
			config["wait"] = open
		}
		jobs = append(jobs, f.job("write", config))
	}
	first := f.again(Config{Array: true})
	first.pace.window = time.Second
	first.pace.look = time.Hour // it is dead: it never hears of an end
	for _, job := range jobs {
		f.run(context.Background(), first, job)
	}
	until(t, "the workers", func() bool {
		raw, _ := os.ReadFile(mark)
		return strings.Count(string(raw), "\n") == 5 && there(jobs[0].Outputs["out"])()
	})
	unborn := executortest.Keep(t, f.job("write", map[string]any{"mark": mark, "text": "unborn"}))
	lost := executortest.Keep(t, f.job("write", map[string]any{"mark": mark, "text": "lost"}))
	if err := (&element{dir: lost.WorkDir}).submitted(submission{Name: "pipe.test.write.lost"}); err != nil {
		t.Fatal(err)
	}
	jobs = append(jobs, unborn, lost)
	second := f.again(Config{Array: true})
	var list []<-chan error
	for _, job := range jobs {
		job.Resumed = true
		list = append(list, f.run(t.Context(), second, job))
	}
	if err := <-list[0]; err != nil {
		t.Errorf("the one that had ended: %v", err)
	}
	if err := os.WriteFile(open, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, done := range list[1:] {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if raw, _ := os.ReadFile(mark); strings.Count(string(raw), "\n") != len(jobs) {
		t.Errorf("%d jobs were performed %d times", len(jobs), strings.Count(string(raw), "\n"))
	}
}

// Its Run has returned while Slurm was asked about it: what is submitted now, nobody would hear of.
func TestWhatWasCancelledIsNotSubmittedAgain(t *testing.T) {
	f := newFake(t, Config{})
	e := &element{job: f.job("write", nil), resumed: true, verdict: make(chan error, 1)}
	f.Executor.again(e)
	if len(f.gathering) != 0 {
		t.Error("it waits to be submitted")
	}
}
