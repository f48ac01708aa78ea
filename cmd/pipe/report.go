package main

import (
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/pipe-ml/pipe/dag"
)

// eventWriter writes events a line, for several goroutines.
type eventWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (e *eventWriter) write(event dag.WorkerEvent) error {
	line, err := json.Marshal(event)
	if err != nil {
		return fmt.Errorf("event %s: %w", event.Kind, err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	_, err = e.w.Write(append(line, '\n'))
	return err
}

// reporter passes on what a stage reports. An event that cannot be written (a loss that is not a number) is
// left out: it is for people, and no reason to fail.
type reporter struct {
	events *eventWriter
	mu     sync.Mutex
	last   time.Time
}

// progressPause is the least time between two progress events; the view cannot show more.
const progressPause = 50 * time.Millisecond

func (r *reporter) Progress(step, total int, values map[string]float64) {
	r.mu.Lock()
	due := step >= total || time.Since(r.last) >= progressPause
	if due {
		r.last = time.Now()
	}
	r.mu.Unlock()
	if due {
		_ = r.events.write(dag.WorkerEvent{Kind: "progress", Step: step, Total: total, Values: values})
	}
}

func (r *reporter) Log(format string, args ...any) {
	_ = r.events.write(dag.WorkerEvent{Kind: "log", Message: fmt.Sprintf(format, args...)})
}

func (r *reporter) Metric(name string, value float64) {
	_ = r.events.write(dag.WorkerEvent{Kind: "metric", Values: map[string]float64{name: value}})
}

func (r *reporter) Device(name, model string) {
	_ = r.events.write(dag.WorkerEvent{Kind: "device", Message: name + " " + model})
}
