package dag

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// A claim is a file that names its owner. Its modification time is the owner's heartbeat. A claim whose owner
// is known to be gone is taken over, and so is one that has not changed for long while we watched it. Only our own
// monotonic clock is asked how long: the times of two machines, or of one whose clock was set, cannot be compared.
// In the worst case, an owner that was only stopped, two engines do the same work: their results are equal and
// publishing is idempotent.
const (
	heartbeat = 5 * time.Second
	silence   = 6 * heartbeat
)

// claims are those that one run holds.
type claims struct {
	store *Store
	token func() (string, error) // a file that names this owner, made once: every claim of its is a link to it
	mu    sync.Mutex
	held  map[string]bool     // path
	seen  map[string]sighting // path -> a claim of another run as it was when it last changed
	now   func() time.Time    // with a monotonic reading
	stop  chan struct{}
	done  chan struct{}
}

// sighting is what a claim looked like, and since when it does.
type sighting struct {
	owner string
	beat  time.Time // its modification time: compared with itself alone
	since time.Time
}

// keepClaims starts the heartbeat.
func (s *Store) keepClaims() *claims {
	c := &claims{store: s, held: map[string]bool{}, seen: map[string]sighting{}, now: time.Now,
		stop: make(chan struct{}), done: make(chan struct{})}
	c.token = sync.OnceValues(c.makeToken)
	go c.beat()
	return c
}

func (c *claims) beat() {
	defer close(c.done)
	tick := time.NewTicker(heartbeat)
	defer tick.Stop()
	for {
		select {
		case <-c.stop:
			return
		case now := <-tick.C:
			c.mu.Lock()
			for path := range c.held {
				_ = os.Chtimes(path, now, now) // if it fails, the worst is that the claim is taken over
			}
			c.mu.Unlock()
		}
	}
}

func (c *claims) close() {
	close(c.stop)
	<-c.done
}

func (c *claims) makeToken() (string, error) {
	path, err := c.store.temp()
	if err != nil {
		return "", err
	}
	return path, writeFile(path, false, contents([]byte(c.store.owner)))
}

// take claims an action, or tells that another run has it.
func (c *claims) take(key string) (bool, error) {
	path := filepath.Join(c.store.dir, "claims", key)
	token, err := c.token()
	if err != nil {
		return false, fmt.Errorf("claiming an action: %w", err)
	}
	for {
		err := os.Link(token, path) // unlike a rename, fails if it is there
		if err == nil {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.held[path] = true
			return true, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return false, fmt.Errorf("claiming an action: %w", err)
		}
		if free, err := c.evict(path); err != nil || !free {
			return false, err
		}
	}
}

// holder says who holds an action.
func (c *claims) holder(key string) string {
	who, err := os.ReadFile(filepath.Join(c.store.dir, "claims", key))
	if err != nil {
		return "another run" // which has just ended
	}
	host, rest := string(who), ""
	if i := strings.LastIndexByte(host, '.'); i >= 0 { // HOST.PID.X, where HOST may have dots
		host = host[:i]
	}
	if i := strings.LastIndexByte(host, '.'); i >= 0 {
		host, rest = host[:i], host[i+1:]
	}
	return fmt.Sprintf("another run, process %s on %s,", rest, host)
}

// free says whether nobody seems to hold an action now.
func (c *claims) free(key string) bool {
	gone, err := c.stale(filepath.Join(c.store.dir, "claims", key))
	return err != nil || gone // if it cannot be told, taking it will say why
}

// evict removes a claim whose owner is gone, and says whether it may be free now.
func (c *claims) evict(path string) (bool, error) {
	gone, err := c.stale(path)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	} else if err != nil || !gone {
		return false, err
	}
	c.mu.Lock()
	judged := c.seen[path]
	c.mu.Unlock()
	tmp, err := c.store.temp()
	if err != nil {
		return false, err
	}
	if err := os.Rename(path, tmp); err != nil {
		return errors.Is(err, fs.ErrNotExist), nil // another one was faster
	}
	defer os.Remove(tmp)
	// Between the look and the rename another run may have evicted it and claimed, or its owner woken up: give it back.
	if now, err := look(tmp); err != nil || now.owner != judged.owner || !now.beat.Equal(judged.beat) {
		return false, errors.Join(err, ignoreExist(os.Link(tmp, path)))
	}
	return true, nil
}

// look reads a claim.
func look(path string) (sighting, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return sighting{}, err
	}
	who, err := os.ReadFile(path)
	return sighting{owner: string(who), beat: info.ModTime()}, err
}

// stale says whether the owner of a claim has ended, or has been silent for as long as we watched.
func (c *claims) stale(path string) (bool, error) {
	s, err := look(path)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		delete(c.seen, path)
		return false, err
	}
	before, ok := c.seen[path]
	if s.since = before.since; !ok || s.owner != before.owner || !s.beat.Equal(before.beat) {
		s.since = c.now()
	}
	c.seen[path] = s
	return abandoned(s.owner) || c.now().Sub(s.since) > silence, nil
}

func ignoreExist(err error) error {
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// release gives a claim up.
func (c *claims) release(key string) {
	path := filepath.Join(c.store.dir, "claims", key)
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.held, path)
	if who, err := os.ReadFile(path); err == nil && string(who) == c.store.owner {
		os.Remove(path) // if it fails, it goes stale
	}
}
