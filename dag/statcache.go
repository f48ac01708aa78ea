package dag

import (
	"bufio"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// racy is how long after its last change a file's digest is not remembered: a second change within the
// resolution of the file system's clock would not show in its times (git's rule).
const racy = 2 * time.Second

// statCache remembers the digests of files outside the store by what stat tells of them. It is a cache and no
// more: losing it costs time, and two processes that save it lose each other's additions.
type statCache struct {
	path string

	mu      sync.Mutex
	loaded  bool
	dirty   bool
	entries map[string]statEntry
}

type statEntry struct {
	stamp  stamp
	hashed int64 // when it was read, ns
	hex    string
}

// stamp is what changes when a file does.
type stamp struct {
	size         int64
	mtime, ctime int64 // ns
	inode        uint64
}

// settled says whether the file had been at rest long enough when it was hashed.
func (e statEntry) settled() bool {
	return e.hashed-max(e.stamp.mtime, e.stamp.ctime) >= int64(racy)
}

// digest is the digest of a file or folder.
func (c *statCache) digest(path string) (Digest, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return "", err
	case info.IsDir():
		d, _, err := (&treeWriter{file: c.file}).add(path)
		return d, err
	case !info.Mode().IsRegular():
		return "", &PartError{path, "is neither a file nor a folder"}
	}
	return c.file(path, info)
}

// file is the digest of one file.
func (c *statCache) file(path string, info fs.FileInfo) (Digest, error) {
	now := stampOf(info)
	c.mu.Lock()
	c.load()
	e, ok := c.entries[path]
	c.mu.Unlock()
	if ok && e.stamp == now && e.settled() {
		return Digest(filePrefix + e.hex), nil
	}
	hashed := time.Now().UnixNano() // before reading: a change while it is read must not be missed
	hex, _, err := hashFile(path)
	if err != nil {
		return "", err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.entries[path] = statEntry{now, hashed, hex}
	c.dirty = true
	return Digest(filePrefix + hex), nil
}

// load reads the saved entries once: a line each, with the quoted path last. A line that does not parse, as
// after a torn write, is left out.
func (c *statCache) load() {
	if c.loaded {
		return
	}
	c.loaded, c.entries = true, map[string]statEntry{}
	raw, err := os.ReadFile(c.path)
	if err != nil {
		return
	}
	for line := range strings.Lines(string(raw)) {
		if path, e, ok := parseStatLine(strings.TrimSuffix(line, "\n")); ok {
			c.entries[path] = e
		}
	}
}

func parseStatLine(line string) (path string, e statEntry, ok bool) {
	e, quoted, ok := parseStamped(line)
	if !ok {
		return "", e, false
	}
	path, err := strconv.Unquote(quoted)
	return path, e, err == nil
}

// line spells an entry and what it is about. parseStamped reads it back.
func (e statEntry) line(about string) string {
	return fmt.Sprintf("%s %d %d %d %d %d %s", e.hex, e.stamp.size, e.stamp.mtime, e.stamp.ctime, int64(e.stamp.inode), e.hashed, about)
}

func parseStamped(line string) (e statEntry, about string, ok bool) {
	hex, rest, _ := strings.Cut(line, " ")
	if len(hex) != 64 {
		return e, "", false
	}
	var n [5]int64
	for i := range n {
		var field string
		var err error
		if field, rest, ok = strings.Cut(rest, " "); !ok {
			return e, "", false
		}
		if n[i], err = strconv.ParseInt(field, 10, 64); err != nil {
			return e, "", false
		}
	}
	return statEntry{stamp{n[0], n[1], n[2], uint64(n[3])}, n[4], hex}, rest, true
}

// save writes the entries if there are new ones. Young ones are left out.
func (c *statCache) save(s *Store) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.dirty {
		return nil
	}
	err := s.write(c.path, false, func(w *bufio.Writer) error {
		for path, e := range c.entries {
			if e.settled() {
				fmt.Fprintln(w, e.line(strconv.Quote(path)))
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("saving the stat cache: %w", err)
	}
	c.dirty = false
	return nil
}
