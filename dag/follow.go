package dag

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"
)

// followPause is the time between two looks at a log that is being written.
const followPause = 200 * time.Millisecond

// Followed is how an action ended that was followed.
type Followed struct {
	Type    string // EventComplete, EventFailed or EventSkipped
	Message string // of a failure, or why it was skipped
}

// Follow passes on the lines that the action at address says in the run that is going on, from its beginning until
// it ends; it waits while the action waits. If no run is going on, they are those of its last action.
func (s *Store) Follow(ctx context.Context, address string, line func(string)) (*Followed, error) {
	f := &follower{store: s, address: address, line: line}
	if err := f.findRun(); err != nil {
		return nil, err
	}
	if f.run == "" {
		return f.last()
	}
	return f.wait(ctx)
}

// wait looks until the action ends, or the run does.
func (f *follower) wait(ctx context.Context) (*Followed, error) {
	for {
		alive := !abandoned(f.owner) // before reading: what it wrote at its end must not be missed
		end, err := f.look()
		if end != nil || err != nil {
			return end, err
		}
		if !alive {
			return nil, fmt.Errorf("run %s was killed before %s ended", f.run, f.address)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(followPause):
		}
	}
}

// follower reads a journal and a log as they grow.
type follower struct {
	store   *Store
	address string
	line    func(string)

	run, owner string
	read       int64 // bytes of the journal

	log     string // path; "" before the action starts
	header  string // first words of the log of this run: another one may still lie there
	written int64  // bytes of the log that were passed on
}

// findRun picks the run that is going on and, of several, the newest that has the action still before it.
func (f *follower) findRun() error {
	ids, err := f.store.RunIDs()
	if err != nil {
		return err
	}
	for _, id := range ids {
		owner, err := f.store.ownerOf(id)
		if err != nil {
			return err
		}
		if owner == "" || abandoned(owner) {
			continue
		}
		entries, err := f.store.Journal(id)
		if err != nil {
			return err
		}
		if entries[len(entries)-1].Type == EventSummary {
			continue
		}
		mentioned := slices.ContainsFunc(entries, func(e Entry) bool { return e.Address == f.address })
		if f.run == "" || mentioned {
			f.run, f.owner = id, owner
		}
		if mentioned {
			break
		}
	}
	return nil
}

// ownerOf reads from the first line of a journal whose run it is; "" if the line is not whole.
func (s *Store) ownerOf(id string) (string, error) {
	file, err := os.Open(s.journal(id))
	if err != nil {
		return "", err
	}
	defer file.Close()
	line, err := bufio.NewReader(file).ReadBytes('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	for _, e := range parseJournal(line) {
		return e.Owner, nil
	}
	return "", nil
}

// last passes on the log of the last action.
func (f *follower) last() (*Followed, error) {
	last, err := f.store.last(f.address)
	if err != nil {
		return nil, err
	}
	if last.Key == "" && last.Failed == "" {
		return nil, fmt.Errorf("%s: %w", f.address, ErrNoResult)
	}
	if last.Failed != "" {
		return f.end(last.Failed, &Followed{EventFailed, last.Error})
	}
	return f.end(last.Key, &Followed{Type: EventComplete})
}

// look passes on what is new, and tells how the action ended if it has.
func (f *follower) look() (*Followed, error) {
	entries, err := f.entries()
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		key, cached := e.Keys[f.address]
		switch {
		case e.Type == lineCached && cached:
			return f.end(key, &Followed{Type: EventComplete})
		case e.Type == EventSummary:
			return nil, fmt.Errorf("run %s ended, and %s was no part of it", f.run, f.address)
		case e.Address != f.address:
		case e.Type == EventQueued && e.Reason != "": // another run is doing it
			f.log = f.store.logFile(e.Key)
		case e.Type == EventStart && e.Attempt == 1:
			f.log, f.written = f.store.logFile(e.Key), 0
			f.header = logHeader(f.address, f.run)
		case e.Type == EventComplete:
			return f.end(e.Key, &Followed{Type: e.Type})
		case e.Type == EventFailed && !e.Retry:
			return f.end(e.Key, &Followed{e.Type, e.Message})
		case e.Type == EventSkipped:
			return &Followed{e.Type, e.Reason}, nil
		}
	}
	return nil, f.pass(false)
}

// end passes on the rest of the log.
func (f *follower) end(key string, how *Followed) (*Followed, error) {
	if f.log == "" && key != "" {
		f.log = f.store.logFile(key)
	}
	return how, f.pass(true)
}

// entries reads the lines that the journal got.
func (f *follower) entries() ([]Entry, error) {
	raw, err := readFrom(f.store.journal(f.run), f.read)
	if err != nil {
		return nil, err
	}
	whole := bytes.LastIndexByte(raw, '\n') + 1
	f.read += int64(whole)
	return parseJournal(raw[:whole]), nil
}

// pass passes on the lines that the log got; at the end also one that is not whole.
func (f *follower) pass(end bool) error {
	if f.log == "" {
		return nil
	}
	raw, err := readFrom(f.log, f.written)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if f.written == 0 && !bytes.HasPrefix(raw, []byte(f.header)) {
		return nil // the log of an earlier run, which this one is about to replace
	}
	if !end {
		raw = raw[:bytes.LastIndexByte(raw, '\n')+1]
	}
	f.written += int64(len(raw))
	for line := range strings.Lines(string(raw)) {
		f.line(strings.TrimSuffix(line, "\n"))
	}
	return nil
}

func readFrom(path string, offset int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if _, err := file.Seek(offset, io.SeekStart); err != nil {
		return nil, err
	}
	return io.ReadAll(file)
}
