package dag

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// progressEvents is the least time between two progress events of one action.
const progressEvents = 100 * time.Millisecond

// perform runs an action, as often as its Retry says, and publishes what it made.
func (t *task) perform(ctx context.Context) (out outcome) {
	out.task = t
	defer func() { out.err = withRemedy(out.err) }()
	held, err := t.claims.take(t.action.key)
	if err != nil || !held {
		out.err, out.claimed = err, err == nil
		return out
	}
	defer t.claims.release(t.action.key)
	if !t.replace {
		// Another run may have finished it between the plan and the claim.
		r, _, err := (&audit{store: t.store}).result(t.action.key)
		if err != nil || r != nil {
			out.result, out.cached, out.err = r, true, err
			return out
		}
	}
	for attempt := 1; ; attempt++ {
		started := time.Now()
		t.emit(Event{
			Type: EventStart, Address: t.node.Address, Stage: t.node.Stage, Key: t.action.key, Reason: t.reason,
			Causes: t.causes, Attempt: attempt, Expect: t.expect,
		})
		out.result, out.err = t.attempt(ctx, attempt, started)
		out.seconds = time.Since(started).Seconds()
		if out.err == nil || t.interrupted() || attempt >= t.node.Retry.Attempts || !t.node.Retry.covers(out.err) {
			return out
		}
		t.emit(Event{
			Type: EventFailed, Address: t.node.Address, Stage: t.node.Stage, Key: t.action.key, Attempt: attempt,
			Retry: true, Message: out.err.Error(), Log: t.store.logFile(t.action.key), Seconds: out.seconds,
		})
	}
}

// covers says whether a failure is worth another attempt.
func (r Retry) covers(err error) bool {
	var failed *ActionError
	return errors.As(err, &failed) && (len(r.On) == 0 || slices.Contains(r.On, failed.Class))
}

// attempt runs the action once in a folder of its own.
func (t *task) attempt(ctx context.Context, attempt int, started time.Time) (*Result, error) {
	r := &Result{
		Key: t.action.key, Address: t.node.Address, Started: started.UTC(), Attempt: attempt,
		Run: t.runID, Host: hostname(), Platform: platform(), Threads: t.want.cpus, From: t.origins,
	}
	err := t.inFolder(ctx, attempt, func(req Request, metrics map[string]float64) (err error) {
		r.Metrics = metrics
		r.Outputs, err = t.collect(req)
		return err
	})
	if err != nil {
		return nil, err
	}
	r.Seconds = time.Since(started).Seconds()
	return r, t.store.save(r)
}

// inFolder runs the action in a work folder, which is gone when taken has looked at it.
func (t *task) inFolder(ctx context.Context, attempt int, taken func(Request, map[string]float64) error) error {
	path, err := t.store.temp()
	if err != nil {
		return err
	}
	f := &folder{store: t.store, path: path, links: map[string]link{}}
	defer os.RemoveAll(path) // what cannot be removed is swept by a later run
	for _, sub := range []string{"inputs", "outputs"} {
		if err := os.MkdirAll(filepath.Join(path, sub), 0o755); err != nil {
			return err
		}
	}
	req, err := t.action.manifest.request(t.node, path, t.want.cpus)
	if err != nil {
		return err
	}
	if err := t.fill(f, &req); err != nil {
		return err
	}
	if err := t.describe(); err != nil {
		return err
	}
	metrics, err := t.execute(ctx, req, attempt)
	// A stage that spoils its inputs must be told of whether it succeeds or not.
	if damage := f.verify(); damage != nil {
		return broken(damage)
	}
	if err != nil {
		return err
	}
	if err := t.unchanged(); err != nil {
		return broken(err)
	}
	return taken(req, metrics)
}

// broken is the failure of a stage that did not keep its promises.
func broken(err error) error {
	return &ActionError{Class: ClassError, Message: err.Error()}
}

// execute hands the request to the executor and keeps what it says.
func (t *task) execute(ctx context.Context, req Request, attempt int) (map[string]float64, error) {
	log, err := t.openLog(attempt)
	if err != nil {
		return nil, err
	}
	defer log.file.Close()
	if limit := t.node.Resources.Time; limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	metrics := map[string]float64{}
	var reported time.Time
	err = t.executor.Run(ctx, req, log.line, func(e WorkerEvent) {
		switch e.Kind {
		case "metric":
			for k, v := range e.Values {
				metrics[k] = v
			}
		case "progress":
			if now := time.Now(); now.Sub(reported) >= progressEvents || e.Step == e.Total {
				reported = now
				t.emit(Event{Type: EventProgress, Address: t.node.Address, Stage: t.node.Stage, Step: e.Step, Steps: e.Total, Values: e.Values})
			}
		}
	})
	var failed *ActionError
	switch {
	case err == nil:
		return metrics, nil
	case errors.Is(err, context.DeadlineExceeded):
		err = &ActionError{Class: ClassTimeout, Message: fmt.Sprintf("it took longer than its limit of %v", t.node.Resources.Time)}
	case errors.As(err, &failed) && failed.Class == ClassCrash && len(log.tail) > 0:
		err = &ActionError{Class: ClassCrash, Message: failed.Message + "; its last lines were:\n" + strings.Join(log.tail, "\n")}
	}
	fmt.Fprintln(log.file, "pipe:", Headline(err.Error()))
	return nil, err
}

// actionLog is the log file of one action, and its end.
type actionLog struct {
	mu   sync.Mutex
	file *os.File
	tail []string
	emit func(line string)
}

// openLog begins the log, or goes on with it at a later attempt.
func (t *task) openLog(attempt int) (*actionLog, error) {
	flags := os.O_WRONLY | os.O_CREATE | os.O_APPEND
	if attempt == 1 {
		flags |= os.O_TRUNC
	}
	f, err := os.OpenFile(t.log, flags, 0o644)
	if err != nil {
		return nil, err
	}
	l := &actionLog{file: f, emit: func(line string) {
		t.emit(Event{Type: EventLog, Address: t.node.Address, Stage: t.node.Stage, Message: line})
	}}
	if _, err := fmt.Fprintf(f, "%s, attempt %d\n", logHeader(t.node.Address, t.runID), attempt); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return l, nil
}

// logHeader begins the log of an action.
func logHeader(address, run string) string { return fmt.Sprintf("pipe: %s, run %s", address, run) }

func (l *actionLog) line(text string) {
	const lines = 10
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintln(l.file, text) // a full disk shows in what matters: the blobs and the journal
	if l.tail = append(l.tail, text); len(l.tail) > lines {
		l.tail = l.tail[1:]
	}
	l.emit(text)
}

// describe stores what the key stands for: the manifest, the lists of groups, the trees of outside folders.
// They serve explanations only, so they need not survive a power failure.
func (t *task) describe() error {
	p := t.store.publisher()
	if err := p.put(t.action.key, t.action.raw, false); err != nil {
		return err
	}
	for _, raw := range t.lists {
		if err := p.put(hashBytes(raw), raw, false); err != nil {
			return err
		}
	}
	for _, in := range t.inputs {
		if in.outside == "" || !in.digest.IsTree() || t.store.check(in.digest, -1) == nil {
			continue
		}
		w := &treeWriter{file: t.store.files.file, emit: func(hex string, raw []byte) error { return p.put(hex, raw, false) }}
		if _, _, err := w.add(in.outside); err != nil {
			return err
		}
	}
	return nil
}

// unchanged makes sure that what was read outside the store is what the key says.
func (t *task) unchanged() error {
	for _, in := range t.inputs {
		if in.outside == "" {
			continue
		}
		now, err := t.store.files.digest(in.outside)
		if err != nil {
			return fmt.Errorf("input %s: %w", in.name, err)
		}
		if now != in.digest {
			return fmt.Errorf("input %s changed while it was read: %s", in.name, in.outside)
		}
	}
	for file, then := range t.action.manifest.Code {
		now, err := t.store.files.digest(filepath.Join(t.root, filepath.FromSlash(file)))
		if err != nil {
			return fmt.Errorf("code %s: %w", file, err)
		}
		if string(now) != then {
			return fmt.Errorf("code %s changed while it ran", file)
		}
	}
	return nil
}

// collect takes the outputs into the store.
func (t *task) collect(req Request) ([]Artifact, error) {
	var missing []string
	for _, name := range t.action.manifest.outputNames() {
		if _, err := os.Lstat(req.Outputs[name]); errors.Is(err, fs.ErrNotExist) {
			missing = append(missing, fmt.Sprintf("%s (%s)", name, t.action.manifest.Outputs[name]))
		} else if err != nil {
			return nil, err
		}
	}
	if len(missing) > 0 {
		return nil, broken(fmt.Errorf("the stage ended well but did not make %s", strings.Join(missing, ", ")))
	}
	kinds := map[string]string{}
	for _, o := range t.node.Outputs {
		kinds[o.Name] = o.Kind
	}
	p := t.store.publisher()
	var out []Artifact
	for _, name := range t.action.manifest.outputNames() {
		d, sum, err := p.take(req.Outputs[name])
		var part *PartError
		if errors.As(err, &part) {
			if rel, err := filepath.Rel(filepath.Join(req.WorkDir, "outputs"), part.Path); err == nil {
				part.Path = rel // the folder above is gone when this is read
			}
			return nil, broken(fmt.Errorf("output %s: %w", name, part))
		} else if err != nil {
			return nil, fmt.Errorf("output %s: %w", name, err)
		}
		out = append(out, Artifact{
			Name: name, Kind: kinds[name], File: t.action.manifest.Outputs[name], Digest: d, Size: sum.size, Files: sum.files,
		})
	}
	return out, p.commit()
}
