package dag

import (
	"context"
	"fmt"
)

// Executor performs actions. It is safe for several goroutines.
type Executor interface {
	// Run performs one request. Each line that the action prints goes to log, each event but the one that ends
	// it to event; neither is called after Run has returned, and log may be called by several
	// goroutines. The error is an *ActionError if the action is to
	// blame; it wraps ctx.Err() if the context ended it, and then nothing of the action runs any more.
	Run(ctx context.Context, req Request, log func(line string), event func(WorkerEvent)) error
	// Close ends what is kept for the next action.
	Close() error
}

// The classes of failures, as Retry.On names them.
const (
	ClassError   = "error"   // the stage said so, or did not keep its promises
	ClassCrash   = "crash"   // its process ended
	ClassTimeout = "timeout" // Resources.Time was over
)

// ActionError is a failure of one action.
type ActionError struct {
	Class   string
	Message string
}

func (e *ActionError) Error() string { return e.Message }

func crashed(format string, args ...any) *ActionError {
	return &ActionError{Class: ClassCrash, Message: fmt.Sprintf(format, args...)}
}
