package dag

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
)

// recordCache holds the records of results that were read, in one file: a run of thousands of cached instances
// opens one file and stats the others. An entry counts only while its record is as stat saw it when it was read. It
// is a cache and no more, as the stat cache is.
type recordCache struct {
	path string
	load func() map[string]string // key -> line, as saved; once

	mu    sync.Mutex
	fresh map[string]string // key -> line, read by this process
}

func newRecordCache(path string) *recordCache {
	return &recordCache{
		path: path, fresh: map[string]string{},
		load: sync.OnceValue(func() map[string]string { return readRecords(path) }),
	}
}

// find gives the record with this key if it is as it was.
func (c *recordCache) find(key string, now stamp) (record string, ok bool) {
	line, ok := c.load()[key]
	if !ok {
		return "", false
	}
	e, record, ok := parseStamped(line)
	return record, ok && e.stamp == now
}

// add remembers a record that was read when e says. A young one is not remembered.
func (c *recordCache) add(e statEntry, record []byte) {
	if !e.settled() || strings.Contains(string(record), "\n") {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fresh[e.hex] = e.line(string(record))
}

// save writes the lines if there are new ones, and leaves out those whose records are gone.
func (c *recordCache) save(s *Store) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.fresh) == 0 {
		return nil
	}
	err := s.write(c.path, false, func(w *bufio.Writer) error {
		for _, line := range c.fresh {
			fmt.Fprintln(w, line)
		}
		for key, line := range c.load() {
			if _, newer := c.fresh[key]; !newer && exists(s.record(key)) {
				fmt.Fprintln(w, line)
			}
		}
		return nil // what went wrong is told when it is flushed
	})
	if err != nil {
		return fmt.Errorf("saving the cache of results: %w", err)
	}
	clear(c.fresh)
	return nil
}

// readRecords reads what save wrote. Lines are parsed when they are asked for.
func readRecords(path string) map[string]string {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	var text strings.Builder // the lines are parts of it, which are not copied
	if info, err := f.Stat(); err == nil {
		text.Grow(int(info.Size()))
	}
	if _, err := io.Copy(&text, f); err != nil {
		return nil
	}
	lines := make(map[string]string, strings.Count(text.String(), "\n"))
	for line := range strings.Lines(text.String()) {
		if key, _, ok := strings.Cut(line, " "); ok {
			lines[key] = strings.TrimSuffix(line, "\n")
		}
	}
	return lines
}
