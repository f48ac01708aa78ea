package dag

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// tombs is the folder of the records of results that a GC has removed. They tell why; their time is when it was.
const tombs = "evicted"

// keepTombs is how long why can tell what became of a result.
const keepTombs = 90 * 24 * time.Hour

func (s *Store) tomb(key string) string { return filepath.Join(s.dir, tombs, key+".json") }

// entomb takes a result out of use.
func (s *Store) entomb(key string) error {
	if err := os.MkdirAll(filepath.Join(s.dir, tombs), 0o755); err != nil {
		return err
	}
	err := os.Rename(s.record(key), s.tomb(key))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // another GC did it
	} else if err != nil {
		return err
	}
	now := time.Now()
	return os.Chtimes(s.tomb(key), now, now)
}

// exhume brings a result back, unless it has been made again.
func (s *Store) exhume(key string) error {
	if exists(s.record(key)) {
		return nil
	}
	err := os.Rename(s.tomb(key), s.record(key))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Evicted says when a GC removed the result with this key; the zero time: it did not, or long ago.
func (s *Store) Evicted(key string) time.Time {
	info, err := os.Lstat(s.tomb(key))
	if err != nil || exists(s.record(key)) {
		return time.Time{}
	}
	return info.ModTime()
}

// Pin keeps the result with this key from every GC until Unpin.
func (s *Store) Pin(key, address string) error {
	if _, err := s.Result(key); err != nil {
		return fmt.Errorf("%s: %w", address, err)
	}
	if err := os.MkdirAll(filepath.Join(s.dir, "pins"), 0o755); err != nil {
		return withRemedy(err)
	}
	return withRemedy(s.write(filepath.Join(s.dir, "pins", key), true, contents([]byte(address+"\n"))))
}

// Pins lists the addresses with pinned results, sorted.
func (s *Store) Pins() ([]string, error) {
	var addresses []string
	err := s.eachFile("pins", func(path string, _ fs.FileInfo) error {
		text, err := os.ReadFile(path)
		addresses = append(addresses, strings.TrimSuffix(string(text), "\n"))
		return err
	})
	slices.Sort(addresses)
	return slices.Compact(addresses), withRemedy(err)
}

// Unpin gives the results of an address up to the next GC and says how many were pinned.
func (s *Store) Unpin(address string) (int, error) {
	n := 0
	err := s.eachFile("pins", func(path string, _ fs.FileInfo) error {
		text, err := os.ReadFile(path)
		if err != nil || string(text) != address+"\n" {
			return err
		}
		n++
		return os.Remove(path)
	})
	return n, withRemedy(err)
}
