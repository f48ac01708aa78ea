package dag

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// A set is what the plan of a run found in the store: address -> key. It is a file of its own that is named by its
// hash, so that a run that finds what an earlier one has found writes its name and not the thousands of keys again.

func (s *Store) setFile(hex string) string { return filepath.Join(s.dir, "sets", hex+".json") }

// keepSet stores a set, unless it is there, and gives its name.
func (s *Store) keepSet(keys map[string]string) (string, error) {
	raw, err := json.Marshal(keys) // sorted
	if err != nil {
		return "", fmt.Errorf("what the plan found: %w", err)
	}
	hex := hashBytes(raw)
	path := s.setFile(hex)
	_ = os.Chmod(path, 0o644) // makes it young, so that a GC leaves it alone until the journal names it
	if info, err := os.Lstat(path); err == nil && info.Size() == int64(len(raw)) {
		return hex, nil
	}
	if err := s.write(path, true, contents(raw)); err != nil {
		return "", fmt.Errorf("what the plan found: %w", err)
	}
	return hex, nil
}

// set reads a set.
func (s *Store) set(hex string) (map[string]string, error) {
	raw, err := os.ReadFile(s.setFile(hex))
	if err != nil {
		return nil, fmt.Errorf("what a run found: %w", err)
	}
	if hashBytes(raw) != hex {
		return nil, fmt.Errorf("what a run found: %s is damaged", s.setFile(hex))
	}
	var keys map[string]string
	if err := json.Unmarshal(raw, &keys); err != nil {
		return nil, fmt.Errorf("what a run found: %w", err)
	}
	return keys, nil
}
