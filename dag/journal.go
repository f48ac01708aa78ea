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
	Command  []string          `json:"command,omitempty"`  // run
	Host     string            `json:"host,omitempty"`     // run
	Owner    string            `json:"owner,omitempty"`    // run: HOST.PID.RANDOM, who writes it
	Pipeline string            `json:"pipeline,omitempty"` // run: which one, as the caller names it
	Part     bool              `json:"part,omitempty"`     // run: only targets
	Set      string            `json:"set,omitempty"`      // cached: name of the set
	Keys     map[string]string `json:"keys,omitempty"`     // cached: the set, address -> key
}

// UnmarshalJSON reads a flat line back.
func (e *Entry) UnmarshalJSON(raw []byte) error {
	type event Event // without its own MarshalJSON
	var line struct {
		event
		Command  []string          `json:"command"`
		Host     string            `json:"host"`
		Owner    string            `json:"owner"`
		Pipeline string            `json:"pipeline"`
		Part     bool              `json:"part"`
		Set      string            `json:"set"`
		Keys     map[string]string `json:"keys"`
	}
	if err := json.Unmarshal(raw, &line); err != nil {
		return err
	}
	*e = Entry{Event(line.event), line.Command, line.Host, line.Owner, line.Pipeline, line.Part, line.Set, line.Keys}
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
	torn     bool                 // the last line is not whole
	progress map[string]time.Time // when an action's progress was last written
}

// begin opens a new journal. Its name sorts by time.
func (s *Store) begin(opts ApplyOptions) (*journal, error) {
	for {
		now := time.Now().UTC()
		id := now.Format("20060102T150405.000")
		f, err := os.OpenFile(s.journal(id), os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o644)
		if errors.Is(err, fs.ErrExist) {
			time.Sleep(time.Millisecond) // a name of the next one: they sort by time
			continue
		} else if err != nil {
			return nil, withRemedy(fmt.Errorf("journal: %w", err))
		}
		j := &journal{id: id, file: f, progress: map[string]time.Time{}}
		return j, j.line(struct {
			Type     string    `json:"type"`
			Time     time.Time `json:"time"`
			Command  []string  `json:"command,omitempty"`
			Host     string    `json:"host"`
			Owner    string    `json:"owner"`
			Pipeline string    `json:"pipeline,omitempty"`
			Part     bool      `json:"part,omitempty"`
		}{lineRun, now, opts.Command, hostname(), s.owner, opts.Pipeline, len(opts.Target) > 0})
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
	raw = append(raw, '\n')
	if j.torn {
		raw = append([]byte{'\n'}, raw...) // what the full disk cut off must not spoil this one
	}
	n, err := j.file.Write(raw)
	if n > 0 {
		j.torn = n < len(raw)
	}
	if err != nil {
		return withRemedy(fmt.Errorf("journal: %w", err))
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
	case EventLog, EventPush:
		return nil
	case EventProgress:
		if e.Time.Sub(j.progress[e.Address]) < progressPause {
			return nil
		}
		j.progress[e.Address] = e.Time
	}
	return j.line(e)
}

// The states of a Run.
const (
	RunRunning     = "running"
	RunDone        = "done"
	RunFailed      = "failed"      // some of its actions did
	RunInterrupted = "interrupted" // before all had run
	RunKilled      = "killed"      // its process is gone, and it has no end
	RunUnknown     = "unknown"     // it has no end, and it is another machine that knows whether its process lives
)

// Run is the beginning and the end of a journal.
type Run struct {
	ID       string
	State    string
	Command  []string
	Host     string
	Started  time.Time
	Finished time.Time // zero without an end
	Summary  *Summary  // nil likewise
}

// runState says how a run stands. owner is its process, or "" if the journal does not tell.
func runState(sum *Summary, owner string) string {
	switch {
	case sum != nil && sum.Interrupted:
		return RunInterrupted
	case sum != nil && sum.Failed > 0:
		return RunFailed
	case sum != nil:
		return RunDone
	case abandoned(owner):
		return RunKilled
	case strings.HasPrefix(owner, hostname()+"."):
		return RunRunning
	}
	return RunUnknown
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
		run, err := s.Run(id)
		if err != nil {
			return nil, err
		}
		runs = append(runs, *run)
	}
	return runs, nil
}

// Run finds one run.
func (s *Store) Run(id string) (*Run, error) {
	run, owner, err := s.beginAndEnd(id)
	if err != nil {
		return nil, err
	}
	if run.State = runState(run.Summary, owner); run.State == RunKilled {
		// It may have ended well between the look at its journal and the look at its process.
		if run, owner, err = s.beginAndEnd(id); err != nil {
			return nil, err
		}
		run.State = runState(run.Summary, owner)
	}
	return run, nil
}

func (s *Store) beginAndEnd(id string) (run *Run, owner string, err error) {
	raw, err := readEnds(s.journal(id))
	if err != nil {
		return nil, "", noRun(id, err)
	}
	run = &Run{ID: id}
	for _, e := range parseJournal(raw) {
		switch e.Type {
		case lineRun:
			run.Command, run.Host, run.Started, owner = e.Command, e.Host, e.Time, e.Owner
		case EventSummary:
			run.Finished, run.Summary = e.Time, e.Summary
		}
	}
	return run, owner, nil
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

// Journal reads the lines of one run. If what its plan found is damaged, the lines come with the error.
func (s *Store) Journal(id string) ([]Entry, error) {
	raw, err := os.ReadFile(s.journal(id))
	if err != nil {
		return nil, noRun(id, err)
	}
	entries := parseJournal(raw)
	for i, e := range entries {
		if e.Set == "" {
			continue
		}
		if entries[i].Keys, err = s.set(e.Set); err != nil {
			return entries, fmt.Errorf("run %s: %w", id, err)
		}
	}
	return entries, nil
}

// noRun says of a journal that is not there what to do.
func noRun(id string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no run %s: pipe runs lists those there are", id)
	}
	return err
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
