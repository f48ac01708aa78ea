package dag

import (
	"context"
	"errors"
	"time"
)

// Executor performs actions.
type Executor interface {
	// Run performs one request; events are delivered one at a time.
	Run(ctx context.Context, req Request, log func(line string), event func(WorkerEvent)) error
	Close() error
}

// Local runs actions in child processes of this machine.
type Local struct {
	Argv []string // the worker's command line; empty: this program with the argument "worker"
}

func (l *Local) Run(ctx context.Context, req Request, log func(string), event func(WorkerEvent)) error {
	return errors.New("being written")
}
func (l *Local) Close() error { return nil }

// Store is the content store.
type Store struct{ dir string }

// Open opens or makes the store in dir.
func Open(dir string) (*Store, error) { return &Store{dir}, nil }

// The states of a planned instance.
const (
	StateCached = "cached"
	StateRun    = "run"
	StateMaybe  = "maybe"
)

// Plan is what a run would do.
type Plan struct {
	Actions []PlannedAction // in topological order, virtual vertices left out
}

// Summary counts the plan's actions.
func (p *Plan) Summary() PlanSummary { return PlanSummary{} }

// PlannedAction is one instance of a plan.
type PlannedAction struct {
	Node   *Node
	State  string   // StateCached, StateRun or StateMaybe
	Reason string   // one line: why it runs, or what a maybe waits for
	Key    string   // "" while an input is not known
	Waits  []string // addresses of the producers whose outputs are not known yet
	Expect float64  // seconds it took before; 0 if unknown
}

// Explanation says why an instance is in its state.
type Explanation struct {
	Address string
	State   string
	Reason  string // one line
	Changes []Change
	Last    *Result // the last result of this address, nil if there is none
}

// Change is one difference between the last result of an instance and now.
type Change struct {
	Kind     string // "new", "type", "version", "config", "input", "code", "environment", "outputs", "salt", "upstream", "missing", "corrupt", "replace", "failed"
	Name     string // attribute path, input, file or output
	Old, New string
	Pos      Pos
	Upstream string // address of the producer
	Files    []FileChange
}

// FileChange is one file of an input folder that differs.
type FileChange struct {
	Path string
	Kind string // "added", "removed", "changed"
}

// Result is what running an action gave.
type Result struct {
	Key     string             `json:"key"`
	Address string             `json:"address"`
	Outputs []Artifact         `json:"outputs"`
	Metrics map[string]float64 `json:"metrics,omitempty"`
	Started time.Time          `json:"started"`
	Seconds float64            `json:"seconds"`
	Run     string             `json:"run"`
}

// Artifact is one output of a result.
type Artifact struct {
	Name   string `json:"name"`
	Kind   string `json:"kind,omitempty"`
	Digest Digest `json:"digest"`
	Size   int64  `json:"size"`
	Files  int    `json:"files,omitempty"`
}

// Digest names content.
type Digest string

// Run is one journal's beginning and end.
type Run struct {
	ID       string
	Command  []string
	Started  time.Time
	Finished time.Time // zero: it was killed, or is still running
	Summary  *Summary
}

// Runs lists the runs, newest first.
func (s *Store) Runs() ([]Run, error) { return nil, nil }

// Log is the path of the log of the last action at address that ran, failed ones too.
func (s *Store) Log(address string) (string, error) { return "", errors.New("being written") }

// Result is the result with this key.
func (s *Store) Result(key string) (*Result, error) { return nil, errors.New("being written") }

// LastResult is the last result at address.
func (s *Store) LastResult(address string) (*Result, error) { return nil, errors.New("being written") }
