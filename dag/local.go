package dag

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// Local performs actions in child processes of this one, which it keeps for the next action. Each does one at
// a time, so that a crash costs that action only. A worker sees the GPUs of its first job and serves only jobs that
// have the same ones: the driver asks once which a process may use. A job without GPUs sees none.
type Local struct {
	// Argv is the worker's command line. A worker reads a Request a line from its standard input, writes a
	// WorkerEvent a line to its standard output, and ends when its input does, with all that it started, even in the middle of an action: then this process is
	// gone. What it writes to standard error is the log.
	Argv []string

	mu   sync.Mutex
	idle []*worker
}

// Run implements Executor.
func (l *Local) Run(ctx context.Context, job Job, log func(string), event func(WorkerEvent)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	outer, limit := ctx, job.Resources.Time
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	w, err := l.get(job.Cards)
	if err != nil {
		return err
	}
	w.stderr.attach(log)
	forget := context.AfterFunc(ctx, w.kill)
	err = w.perform(job.Request, log, event)
	alive := forget() // else the context ended, and the worker with it
	w.stderr.detach()
	var failed *ActionError
	switch {
	case !alive:
		w.end()
		if outer.Err() == nil {
			return TimedOut(limit)
		}
		return fmt.Errorf("the action was stopped: %w", outer.Err())
	case errors.As(err, &failed) && failed.Class == ClassCrash:
		w.end()
	default:
		l.put(w)
	}
	return err
}

// get takes a worker that waits and sees these cards, or starts one. Other workers that wait and see one of them
// end: they may hold memory there.
func (l *Local) get(cards []string) (*worker, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found *worker
	idle := l.idle
	l.idle = nil
	for _, w := range slices.Backward(idle) {
		same := slices.Equal(w.cards, cards)
		shared := !same && slices.ContainsFunc(w.cards, func(c string) bool { return slices.Contains(cards, c) })
		switch {
		case shared || ended(w): // or it died in its sleep
			w.end()
		case same && found == nil:
			found = w
		default:
			l.idle = append(l.idle, w)
		}
	}
	slices.Reverse(l.idle)
	if found != nil {
		return found, nil
	}
	return startWorker(l.Argv, cards)
}

func (l *Local) put(w *worker) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.idle = append(l.idle, w)
}

// Close ends the workers that wait.
func (l *Local) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range l.idle {
		w.retire()
	}
	l.idle = nil
	return nil
}

// perform sends one request and hears the worker out.
func (w *worker) perform(req Request, log func(string), event func(WorkerEvent)) error {
	line, err := json.Marshal(req)
	if err != nil {
		return fmt.Errorf("request: %w", err)
	}
	if _, err := w.stdin.Write(append(line, '\n')); err != nil {
		return w.death()
	}
	for {
		line, err := w.stdout.ReadBytes('\n')
		if err != nil {
			return w.death()
		}
		var e WorkerEvent
		if err := json.Unmarshal(line, &e); err != nil {
			return crashed("the worker wrote %.80q where an event is due: standard output is the protocol, print to standard error", line)
		}
		switch e.Kind {
		case "done":
			return nil
		case "error":
			return &ActionError{Class: cmp.Or(e.Class, ClassError), Message: e.Message, Attribute: e.Attribute}
		case "log":
			log(e.Message)
		default:
			event(e)
		}
	}
}
