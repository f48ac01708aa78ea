package dag

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// LocalExecutor is the name of the executor that there always is: this machine.
const LocalExecutor = "local"

// Executor performs actions. It is safe for several goroutines.
type Executor interface {
	// Run performs one job, for as long as its Resources.Time allows. Each line that the action prints goes to
	// log, each event but the one that ends it to event; neither is called after Run has returned, and log may
	// be called by several goroutines. The error is an *ActionError if the action is to blame; it wraps
	// ctx.Err() if the context ended it, and then nothing of the action runs any more.
	Run(ctx context.Context, job Job, log func(line string), event func(WorkerEvent)) error
	// Close ends what is kept for the next action.
	Close() error
}

// Remote is an executor on other machines, which see the store under the same path. Its jobs outlive this
// process: a later one finds their folders in the store and takes them up again. Its Run also tells when a job
// begins (EventBegin) and how long it ran (EventRan).
type Remote interface {
	Executor
	// Drain gives up the jobs that have not begun: their Run returns ErrNotBegun, and so does every later one.
	Drain()
}

// ErrNotBegun says that a job was given up before it began.
var ErrNotBegun = errors.New("it had not begun")

// Job is one attempt at an action, as an executor gets it.
type Job struct {
	Request
	Key       string    `json:"key"`
	Stage     string    `json:"stage"`
	Attempt   int       `json:"attempt"`
	Resources Resources `json:"resources"`
	Cards     []string  `json:"-"` // GPUs of this machine that are the job's alone, as CardsVariable names them
	Resumed   bool      `json:"-"` // Remote only: an earlier process may have started it already
}

// The classes of failures, as Retry.On names them. Those that only a cluster can tell apart from a crash are
// crashes too.
const (
	ClassError       = "error"         // the stage said so, or did not keep its promises
	ClassCrash       = "crash"         // its process ended, or can serve no other action and is ended
	ClassTimeout     = "timeout"       // Resources.Time was over
	ClassOutOfMemory = "out_of_memory" // a crash: it took more memory than it had asked for, or than its GPU has
	ClassNodeFail    = "node_fail"     // a crash: its machine failed or was taken away
)

// Classes lists them.
var Classes = []string{ClassError, ClassCrash, ClassTimeout, ClassOutOfMemory, ClassNodeFail}

// ActionError is a failure of one action.
type ActionError struct {
	Class     string
	Message   string
	Attribute string // to blame, or ""
}

func (e *ActionError) Error() string { return e.Message }

// crash says whether the action's process ended without a word.
func (e *ActionError) crash() bool {
	return e.Class == ClassCrash || e.Class == ClassOutOfMemory || e.Class == ClassNodeFail
}

func crashed(format string, args ...any) *ActionError {
	return &ActionError{Class: ClassCrash, Message: fmt.Sprintf(format, args...)}
}

// TimedOut is the failure of an action that took longer than it may.
func TimedOut(limit time.Duration) *ActionError {
	return &ActionError{Class: ClassTimeout, Message: fmt.Sprintf("it took longer than its limit of %v: raise resources { time }, or give it less to do", limit)}
}
