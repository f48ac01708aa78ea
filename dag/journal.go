package dag

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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
	Set     string            `json:"set,omitempty"`     // cached: name of the set
	Keys    map[string]string `json:"keys,omitempty"`    // cached: the set, address -> key
}

// UnmarshalJSON reads a flat line back.
func (e *Entry) UnmarshalJSON(raw []byte) error {
	type event Event // without its own MarshalJSON
	var line struct {
		event
		Command []string          `json:"command"`
		Host    string            `json:"host"`
		Set     string            `json:"set"`
		Keys    map[string]string `json:"keys"`
	}
	if err := json.Unmarshal(raw, &line); err != nil {
		return err
	}
	*e = Entry{Event(line.event), line.Command, line.Host, line.Set, line.Keys}
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
		}{lineRun, now, command, hostname()})
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
func (j *journal) cached(set string) error {
	return j.line(struct {
		Type string    `json:"type"`
		Time time.Time `json:"time"`
		Set  string    `json:"set"`
	}{lineCached, time.Now().UTC(), set})
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
		raw, err := readEnds(s.journal(id))
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

// readEnds reads the first and the last line of a journal, which may be long.
func readEnds(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	first, err := bufio.NewReader(f).ReadBytes('\n')
	if errors.Is(err, io.EOF) {
		return first, nil
	} else if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	begin := int64(len(first))
	for size := int64(1 << 12); ; size *= 4 { // until it holds a whole line
		from := max(begin, info.Size()-size)
		tail := make([]byte, info.Size()-from)
		if _, err := f.ReadAt(tail, from); err != nil {
			return nil, fmt.Errorf("reading %s: %w", path, err)
		}
		if i := bytes.LastIndexByte(bytes.TrimSuffix(tail, []byte{'\n'}), '\n'); i >= 0 {
			return append(first, tail[i+1:]...), nil
		}
		if from == begin {
			return append(first, tail...), nil
		}
	}
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
	entries := parseJournal(raw)
	for i, e := range entries {
		if e.Set != "" {
			if entries[i].Keys, err = s.set(e.Set); err != nil {
				return nil, fmt.Errorf("run %s: %w", id, err)
			}
		}
	}
	return entries, nil
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
