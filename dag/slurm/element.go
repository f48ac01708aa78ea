package slurm

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/pipe-ml/pipe/dag"
)

// submission says which element of which batch an action is.
type submission struct {
	Name  string `json:"name"` // of the batch
	Index int    `json:"index"`
	ID    string `json:"-"` // how scancel names the element, once it is known
}

func readSubmission(dir string) (submission, error) {
	var s submission
	raw, err := os.ReadFile(filepath.Join(dir, submissionFile))
	if err == nil {
		err = json.Unmarshal(raw, &s)
	}
	return s, err
}

// element is one action on the cluster. The fields below mu are shared with what submits and asks.
type element struct {
	job     dag.Job
	dir     string
	log     func(string)
	event   func(dag.WorkerEvent)
	offset  int64 // of the events file, up to which it is read
	pulse   string
	verdict chan error // what ends it beside its files

	mu      sync.Mutex
	sub     submission
	resumed bool      // an earlier process has submitted it, or was about to
	begun   bool      // its supervisor has spoken
	halted  bool      // Slurm told its supervisor to stop
	heard   time.Time // last sign of life
	state   string    // that Slurm said last
	absent  int       // how often in a row Slurm did not list it
	notes   []string  // for the log
}

func (e *element) submission() submission {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.sub
}

func (e *element) hasBegun() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.begun
}

// decide ends the element, unless its files do, and says whether that was not decided already.
func (e *element) decide(err error) bool {
	select {
	case e.verdict <- err:
		return true
	default:
		return false
	}
}

// note leaves a line for the log.
func (e *element) note(format string, args ...any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.notes = append(e.notes, "slurm: "+fmt.Sprintf(format, args...))
}

// listen passes on what has been written since the last time, and says whether that was the end, and which.
func (e *element) listen() (over bool, err error) {
	e.mu.Lock()
	notes := e.notes
	e.notes = nil
	e.mu.Unlock()
	for _, n := range notes {
		e.log(n)
	}
	if beat, err := os.ReadFile(filepath.Join(e.dir, beatFile)); err == nil && string(beat) != e.pulse {
		e.pulse = string(beat)
		e.mu.Lock()
		e.heard = time.Now()
		e.mu.Unlock()
	}
	f, err := os.Open(filepath.Join(e.dir, eventsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	} else if err != nil {
		return false, fmt.Errorf("reading what a job said: %w", err)
	}
	defer f.Close()
	raw, err := io.ReadAll(io.NewSectionReader(f, e.offset, 1<<62))
	if err != nil {
		return false, fmt.Errorf("reading what a job said: %w", err)
	}
	raw = raw[:bytes.LastIndexByte(raw, '\n')+1]
	e.offset += int64(len(raw))
	for text := range bytes.Lines(raw) {
		var l line
		if err := json.Unmarshal(text, &l); err != nil {
			return true, &dag.ActionError{Class: dag.ClassCrash, Message: fmt.Sprintf("%s does not read: %.80q", filepath.Join(e.dir, eventsFile), text)}
		}
		if over, err := e.take(l); over {
			return true, err
		}
	}
	return false, nil
}

// take takes one line in.
func (e *element) take(l line) (over bool, err error) {
	e.mu.Lock()
	e.heard = time.Now()
	e.halted = l.Kind == stopped
	if l.Kind == dag.EventBegin {
		e.begun, e.sub.ID = true, l.ID
	}
	e.mu.Unlock()
	switch l.Kind {
	case "log":
		e.log(l.Message)
	case "done":
		e.event(dag.WorkerEvent{Kind: dag.EventRan, Values: map[string]float64{"seconds": l.Seconds}})
		return true, nil
	case "error":
		return true, &dag.ActionError{Class: l.Class, Message: l.Message, Attribute: l.Attribute}
	case stopped: // Slurm knows why
	default:
		e.event(l.WorkerEvent)
	}
	return false, nil
}
