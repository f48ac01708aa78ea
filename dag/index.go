package dag

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Last is what the journals say of one address.
type Last struct {
	Key     string    `json:"key,omitempty"` // of its last result
	Run     string    `json:"run,omitempty"` // that ran or found it
	Time    time.Time `json:"time"`          // of the newest line
	Seconds float64   `json:"seconds,omitempty"`
	Failed  string    `json:"failed,omitempty"` // key of the last attempt, if it failed after the last result
	Error   string    `json:"error,omitempty"`
}

// index folds all journals into the last result of each address. It is a cache of them: it remembers how much
// of each it has read, and reads the rest when it is asked.
type index struct {
	mu        sync.Mutex
	loaded    bool
	fresh     bool             // it holds more than what was saved
	Read      map[string]int64 `json:"read"` // journal -> bytes
	Addresses map[string]Last  `json:"addresses"`
}

// last finds an address; the zero Last means that it never ran.
func (s *Store) last(address string) (Last, error) {
	s.index.mu.Lock()
	defer s.index.mu.Unlock()
	if err := s.refresh(); err != nil {
		return Last{}, err
	}
	return s.index.Addresses[address], nil
}

// history is a copy of the index: what every address did last.
func (s *Store) history() (map[string]Last, error) {
	s.index.mu.Lock()
	defer s.index.mu.Unlock()
	if err := s.refresh(); err != nil {
		return nil, err
	}
	all := make(map[string]Last, len(s.index.Addresses))
	maps.Copy(all, s.index.Addresses)
	return all, nil
}

// refresh reads what was added to the journals since the last time.
func (s *Store) refresh() error {
	x := &s.index
	if !x.loaded {
		raw, err := os.ReadFile(s.indexFile())
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if json.Unmarshal(raw, x) != nil || x.Read == nil || x.Addresses == nil {
			x.Read, x.Addresses = map[string]int64{}, map[string]Last{} // absent or torn: start over
		}
		x.loaded = true
	}
	list, err := os.ReadDir(filepath.Join(s.dir, "runs"))
	if err != nil {
		return err
	}
	sets := map[string]map[string]string{} // many runs find the same
	for _, d := range list {
		id, ok := strings.CutSuffix(d.Name(), ".jsonl")
		if !ok {
			continue
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return err
		}
		if info.Size() > x.Read[id] {
			if err := s.fold(id, sets); err != nil {
				return fmt.Errorf("reading journal %s: %w", id, err)
			}
		}
	}
	return nil
}

// fold reads one journal from where it was left, up to its last whole line.
func (s *Store) fold(id string, sets map[string]map[string]string) error {
	x := &s.index
	f, err := os.Open(s.journal(id))
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Seek(x.Read[id], io.SeekStart); err != nil {
		return err
	}
	raw, err := io.ReadAll(f)
	if err != nil {
		return err
	}
	whole := bytes.LastIndexByte(raw, '\n') + 1
	for _, e := range parseJournal(raw[:whole]) {
		if e.Set != "" {
			if _, read := sets[e.Set]; !read {
				// One that does not read is no reason to fail: its results are found by their keys all the same.
				sets[e.Set], _ = s.set(e.Set)
			}
			e.Keys = sets[e.Set]
		}
		x.add(id, e)
	}
	x.fresh = true
	x.Read[id] += int64(whole)
	return nil
}

func (x *index) add(run string, e Entry) {
	switch {
	case e.Type == lineCached:
		for address, key := range e.Keys {
			x.succeed(address, key, run, e.Time, 0)
		}
	case e.Type == EventComplete:
		x.succeed(e.Address, e.Key, run, e.Time, e.Seconds)
	case e.Type == EventFailed && !e.Retry && e.Key != "":
		if l := x.Addresses[e.Address]; !e.Time.Before(l.Time) {
			l.Time, l.Failed, l.Error = e.Time, e.Key, e.Message
			x.Addresses[e.Address] = l
		}
	}
}

func (x *index) succeed(address, key, run string, at time.Time, seconds float64) {
	l := x.Addresses[address]
	if at.Before(l.Time) {
		return // two runs at once: the journal of the earlier one is read later
	}
	l.Key, l.Run, l.Time, l.Failed, l.Error = key, run, at, "", ""
	if seconds > 0 {
		l.Seconds = seconds
	}
	x.Addresses[address] = l
}

// saveIndex keeps what was folded, so that the next process need not read the journals again.
func (s *Store) saveIndex() error {
	s.index.mu.Lock()
	defer s.index.mu.Unlock()
	if err := s.refresh(); err != nil {
		return err
	}
	return s.index.save(s)
}

func (x *index) save(s *Store) error {
	if !x.fresh {
		return nil
	}
	err := s.write(s.indexFile(), false, func(w *bufio.Writer) error { return json.NewEncoder(w).Encode(x) })
	if err != nil {
		return fmt.Errorf("saving the index of the journals: %w", err)
	}
	x.fresh = false
	return nil
}

func (s *Store) indexFile() string { return filepath.Join(s.dir, "last.json") }
