package dag

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// The types of lines that only a journal has.
const (
	lineRun    = "run"    // the first: who runs what
	lineCached = "cached" // the instances that the plan found in the store
)

// progressPause is the least time between two progress lines of one action in the journal.
const progressPause = 10 * time.Second

// Entry is one line of a journal: an event, or one of the two lines that no event has.
type Entry struct {
	Event
	Command []string          `json:"command,omitempty"` // run
	Host    string            `json:"host,omitempty"`    // run
	Owner   string            `json:"owner,omitempty"`   // run: the process, as in claims
	Keys    map[string]string `json:"keys,omitempty"`    // cached: address -> key
}

// UnmarshalJSON reads a flat line back.
func (e *Entry) UnmarshalJSON(raw []byte) error {
	type event Event // without its own MarshalJSON
	var line struct {
		event
		Command []string          `json:"command"`
		Host    string            `json:"host"`
		Owner   string            `json:"owner"`
		Keys    map[string]string `json:"keys"`
	}
	if err := json.Unmarshal(raw, &line); err != nil {
		return err
	}
	*e = Entry{Event(line.event), line.Command, line.Host, line.Owner, line.Keys}
	switch e.Type {
	case EventPlan:
		e.Plan = new(PlanSummary)
		return json.Unmarshal(raw, e.Plan)
	case EventSummary:
		e.Summary = new(Summary)
		return json.Unmarshal(raw, e.Summary)
	}
	return nil
}

// journal is the record of one run, a line at a time. A kill may tear the last line and no other.
type journal struct {
	id       string
	mu       sync.Mutex
	file     *os.File
	progress map[string]time.Time // when an action's progress was last written
}

// begin opens a new journal. Its name sorts by time.
func (s *Store) begin(command []string) (*journal, error) {
	now := time.Now().UTC()
	for n := 0; ; n++ {
		id := now.Format("20060102T150405.000")
		if n > 0 {
			id = fmt.Sprintf("%s-%d", id, n)
		}
		f, err := os.OpenFile(s.journal(id), os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o644)
		if errors.Is(err, fs.ErrExist) {
			continue
		} else if err != nil {
			return nil, fmt.Errorf("journal: %w", err)
		}
		j := &journal{id: id, file: f, progress: map[string]time.Time{}}
		return j, j.line(struct {
			Type    string    `json:"type"`
			Time    time.Time `json:"time"`
			Command []string  `json:"command,omitempty"`
			Host    string    `json:"host"`
			Owner   string    `json:"owner"`
		}{lineRun, now, command, hostname(), s.owner})
	}
}

func (s *Store) journal(id string) string { return filepath.Join(s.dir, "runs", id+".jsonl") }

func (j *journal) line(v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, err := j.file.Write(append(raw, '\n')); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}

// cached records what the plan found, all in one line.
func (j *journal) cached(keys map[string]string) error {
	return j.line(struct {
		Type string            `json:"type"`
		Time time.Time         `json:"time"`
		Keys map[string]string `json:"keys"`
	}{lineCached, time.Now().UTC(), keys})
}

// event records what matters later: log lines are in their own file, and of progress a sample will do.
func (j *journal) event(e Event) error {
	switch e.Type {
	case EventLog:
		return nil
	case EventProgress:
		if e.Time.Sub(j.progress[e.Address]) < progressPause {
			return nil
		}
		j.progress[e.Address] = e.Time
	}
	return j.line(e)
}

// Run is the beginning and the end of a journal.
type Run struct {
	ID       string
	Command  []string
	Host     string
	Started  time.Time
	Finished time.Time // zero: it was killed, or is still running
	Summary  *Summary  // nil likewise
}

// Runs lists the runs, newest first.
func (s *Store) Runs() ([]Run, error) {
	list, err := os.ReadDir(filepath.Join(s.dir, "runs"))
	if err != nil {
		return nil, err
	}
	var runs []Run
	for _, d := range slices.Backward(list) {
		id, ok := strings.CutSuffix(d.Name(), ".jsonl")
		if !ok {
			continue
		}
		raw, err := os.ReadFile(s.journal(id))
		if err != nil {
			return nil, err
		}
		run := Run{ID: id}
		for line := range bytes.Lines(raw) {
			if !ends(line) {
				continue
			}
			for _, e := range parseJournal(line) {
				if e.Type == lineRun {
					run.Command, run.Host, run.Started = e.Command, e.Host, e.Time
				} else {
					run.Finished, run.Summary = e.Time, e.Summary
				}
			}
		}
		runs = append(runs, run)
	}
	return runs, nil
}

// ends says, without parsing it, whether a line is the first or the last of a run.
func ends(line []byte) bool {
	return bytes.HasPrefix(line, []byte(`{"type":"`+lineRun+`"`)) || bytes.HasPrefix(line, []byte(`{"type":"`+EventSummary+`"`))
}

// Journal reads the lines of one run.
func (s *Store) Journal(id string) ([]Entry, error) {
	raw, err := os.ReadFile(s.journal(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no run %s", id)
	} else if err != nil {
		return nil, err
	}
	return parseJournal(raw), nil
}

// parseJournal leaves out what does not parse: the line that a kill tore.
func parseJournal(raw []byte) []Entry {
	var entries []Entry
	for line := range bytes.Lines(raw) {
		var e Entry
		if json.Unmarshal(line, &e) == nil {
			entries = append(entries, e)
		}
	}
	return entries
}
