package dag

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"time"
)

// ErrNoResult says that an action has not run, or that its record does not read.
var ErrNoResult = errors.New("no result")

// Result is what running an action gave.
type Result struct {
	Key      string             `json:"key"`
	Address  string             `json:"address"` // of the instance that ran; others may share the key
	Outputs  []Artifact         `json:"outputs"` // sorted by name
	Metrics  map[string]float64 `json:"metrics,omitempty"`
	Order    []string           `json:"order,omitempty"` // their names, as the stage told them
	Started  time.Time          `json:"started"`
	Seconds  float64            `json:"seconds"`
	Attempt  int                `json:"attempt"`
	Run      string             `json:"run"` // name of the journal
	Host     string             `json:"host"`
	Platform string             `json:"platform"`         // operating system and architecture
	Device   string             `json:"device,omitempty"` // what a stage that computes did so on: "cpu avx512"
	Threads  int                `json:"threads"`
	From     []Origin           `json:"from,omitempty"` // in the order of the manifest's inputs
	// Secret are the attributes, or parts of them, whose values must not be shown, when it ran: what shows the manifest
	// may know no pipeline.
	Secret []string `json:"secret,omitempty"`
	// Remote is the address of the remote cache that the result was found in, or "" if it was made here. What is not here
	// of its content is there.
	Remote string `json:"remote,omitempty"`
}

// Origin is where the content of an input came from when the action ran: results, or a path outside the store.
type Origin struct {
	Input  string   `json:"input"`
	Keys   []string `json:"keys,omitempty"` // of the results that made it: one, or one a member of a group
	Output string   `json:"output,omitempty"`
	Path   string   `json:"path,omitempty"`
}

// Artifact is one output of a result.
type Artifact struct {
	Name   string `json:"name"`
	Kind   string `json:"kind,omitempty"`
	File   string `json:"file"` // its name in the work folder
	Digest Digest `json:"digest"`
	Size   int64  `json:"size"`
	Files  int    `json:"files"` // 1 for a file
}

// ext is the extension under which readers see the artifact; a folder has none.
func (a Artifact) ext() string {
	if a.Digest.IsTree() {
		return ""
	}
	return path.Ext(a.File)
}

// Output finds an artifact by name.
func (r *Result) Output(name string) (Artifact, bool) {
	for _, a := range r.Outputs {
		if a.Name == name {
			return a, true
		}
	}
	return Artifact{}, false
}

func platform() string { return runtime.GOOS + "/" + runtime.GOARCH }

func (s *Store) record(key string) string { return filepath.Join(s.dir, "actions", key+".json") }

// Result reads the result with this key, or says ErrNoResult.
func (s *Store) Result(key string) (*Result, error) {
	path := s.record(key)
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNoResult
	} else if err != nil {
		return nil, err
	}
	now := stampOf(info)
	if record, ok := s.records.find(key, now); ok {
		if r := parseResult([]byte(record), key); r != nil {
			return r, nil
		}
	}
	read := time.Now().UnixNano() // before reading: a change while it is read must not be missed
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNoResult
	} else if err != nil {
		return nil, err
	}
	r := parseResult(raw, key)
	if r == nil {
		return nil, ErrNoResult // torn: nothing is lost but the work
	}
	s.records.add(statEntry{now, read, key}, raw)
	return r, nil
}

// parseResult gives nil for what is not the record of key.
func parseResult(raw []byte, key string) *Result {
	var r Result
	if json.Unmarshal(raw, &r) != nil || r.Key != key {
		return nil
	}
	return &r
}

// result finds a result that can be used: its record reads and its blobs are whole. damage says why one that is
// there cannot.
func (a *audit) result(key string) (r *Result, damage, err error) {
	r, err = a.store.Result(key)
	if errors.Is(err, ErrNoResult) {
		return nil, nil, nil
	} else if err != nil {
		return nil, nil, err
	}
	if damage, err = a.outputs(r); damage != nil || err != nil {
		return nil, damage, err
	}
	return r, nil, nil
}

// outputs looks whether all that r made is here, or can be had from the remote cache.
func (a *audit) outputs(r *Result) (damage, err error) {
	for _, o := range r.Outputs {
		err := a.artifact(o.Digest, o.Size)
		var bad *BlobError
		switch {
		case err == nil:
		case !errors.As(err, &bad):
			return nil, err
		case a.shared.offers(r, o.Digest):
		case r.Remote != "":
			return fmt.Errorf("output %s: %w, and was not had from the remote cache %s", o.Name, err, r.Remote), nil
		default:
			return fmt.Errorf("output %s: %w", o.Name, err), nil
		}
	}
	return nil, nil
}

// away says whether some of what r made is not here yet.
func (a *audit) away(r *Result) bool {
	return r.Remote != "" && slices.ContainsFunc(r.Outputs, func(o Artifact) bool { return a.artifact(o.Digest, o.Size) != nil })
}

// save writes a result whose blobs are committed. It is the last step of an action.
func (s *Store) save(r *Result) error {
	raw, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("result: %w", err)
	}
	path := s.record(r.Key)
	if err := s.write(path, true, contents(raw)); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// Manifest reads what the action with this key was made of.
func (s *Store) Manifest(key string) (*Manifest, error) {
	raw, err := s.read(key)
	if err != nil {
		return nil, err
	}
	return decodeManifest(raw)
}

// LastResult is the last result of the instance at address, or ErrNoResult.
func (s *Store) LastResult(address string) (*Result, error) {
	last, err := s.last(address)
	if err != nil {
		return nil, err
	}
	if last.Key == "" {
		return nil, ErrNoResult
	}
	return s.Result(last.Key)
}

// Failure is the error of the last attempt of address, if it failed after the last result, or "".
func (s *Store) Failure(address string) (string, error) {
	last, err := s.last(address)
	return last.Error, err
}

// Log is the path of what the last action at address said, whether it succeeded or not.
func (s *Store) Log(address string) (string, error) {
	last, err := s.last(address)
	if err != nil {
		return "", err
	}
	key := last.Key
	if last.Failed != "" {
		key = last.Failed
	}
	if key == "" {
		return "", fmt.Errorf("%s: %w", address, ErrNoResult)
	}
	return s.logFile(key), nil
}

func (s *Store) logFile(key string) string { return filepath.Join(s.dir, "logs", key+".log") }
