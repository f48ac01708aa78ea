package dag

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// A claim is a file that names its owner. Its modification time is the owner's heartbeat. A claim whose owner
// is known to be gone, or has been silent for long, is taken over. In the worst case, an owner that was only
// stopped, two engines do the same work: their results are equal and publishing is idempotent.
const (
	heartbeat = 5 * time.Second
	silence   = 6 * heartbeat
)

// claims are those that one run holds.
type claims struct {
	store *Store
	token func() (string, error) // a file that names this owner, made once: every claim of its is a link to it
	mu    sync.Mutex
	held  map[string]bool // path
	stop  chan struct{}
	done  chan struct{}
}

// keepClaims starts the heartbeat.
func (s *Store) keepClaims() *claims {
	c := &claims{store: s, held: map[string]bool{}, stop: make(chan struct{}), done: make(chan struct{})}
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

// free says whether nobody seems to hold an action now.
func (c *claims) free(key string) bool {
	gone, err := stale(filepath.Join(c.store.dir, "claims", key))
	return err != nil || gone // if it cannot be told, taking it will say why
}

// evict removes a claim whose owner is gone, and says whether it may be free now.
func (c *claims) evict(path string) (bool, error) {
	gone, err := stale(path)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	} else if err != nil || !gone {
		return false, err
	}
	tmp, err := c.store.temp()
	if err != nil {
		return false, err
	}
	if err := os.Rename(path, tmp); err != nil {
		return errors.Is(err, fs.ErrNotExist), nil // another one was faster
	}
	defer os.Remove(tmp)
	// Between the look and the rename another run may have evicted it and claimed: give it back.
	if gone, err := stale(tmp); err != nil || !gone {
		return false, errors.Join(err, ignoreExist(os.Link(tmp, path)))
	}
	return true, nil
}

func stale(path string) (bool, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return false, err
	}
	who, err := os.ReadFile(path)
	if err != nil {
		return false, err
	}
	return abandoned(string(who)) || time.Since(info.ModTime()) > silence, nil
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
