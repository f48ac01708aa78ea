package dag

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
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
		// So may another machine, or its key was not known before.
		if r, err = t.shared.find(ctx, t.action, t.lists, t.inputs); err != nil || r != nil {
			out.result, out.cached, out.remote, out.err = r, true, true, err
			return out
		}
	}
	if t.replace { // whoever wants it run again wants all of it run
		if out.err = os.RemoveAll(t.scratch); out.err != nil {
			return out
		}
	}
	t.enter()
	defer t.leave()
	if out.err = t.shared.fetch(ctx, t.needs()); out.err != nil {
		return out
	}
	for attempt := 1; ; attempt++ {
		started := time.Now()
		if !t.remote {
			t.begin(attempt)
		}
		out.result, out.err = t.attempt(ctx, attempt, started)
		out.seconds = time.Since(started).Seconds()
		if out.err == nil || t.interrupted() || attempt >= t.node.Retry.Attempts || !t.node.Retry.covers(out.err) {
			return out
		}
		t.emit(Event{
			Type: EventFailed, Address: t.node.Address, Stage: t.node.Stage, Key: t.action.key, Attempt: attempt,
			Retry: true, Message: t.node.placed(out.err), Log: t.log, Seconds: out.seconds,
		})
	}
}

// begin tells that an attempt runs now.
func (t *task) begin(attempt int) {
	t.emit(Event{
		Type: EventStart, Address: t.node.Address, Stage: t.node.Stage, Key: t.action.key, Reason: t.reason,
		Causes: t.causes, Attempt: attempt, Expect: t.expect,
	})
}

// covers says whether a failure is worth another attempt.
func (r Retry) covers(err error) bool {
	var failed *ActionError
	return errors.As(err, &failed) &&
		(len(r.On) == 0 || slices.Contains(r.On, failed.Class) || failed.crash() && slices.Contains(r.On, ClassCrash))
}

// attempt runs the action once in a folder of its own.
func (t *task) attempt(ctx context.Context, attempt int, started time.Time) (*Result, error) {
	r := &Result{
		Key: t.action.key, Address: t.node.Address, Started: started.UTC(), Attempt: attempt,
		Run: t.runID, Platform: platform(), From: t.origins, Secret: t.node.Secret,
	}
	err := t.inFolder(ctx, attempt, func(job Job, ran record) (err error) {
		r.Metrics, r.Order = ran.metrics, ran.order
		r.Host, r.Device, r.Threads, r.Seconds = cmp.Or(ran.host, hostname()), ran.device, job.Threads, ran.seconds
		r.Outputs, err = t.collect(job.Request)
		return err
	})
	if err != nil {
		return nil, err
	}
	r.Seconds = cmp.Or(r.Seconds, time.Since(started).Seconds())
	if err := t.store.save(r); err != nil {
		return nil, err
	}
	os.RemoveAll(t.scratch) // what cannot be removed now, a GC removes
	return r, nil
}

// inFolder runs the action in a work folder, which is gone when taken has looked at it.
func (t *task) inFolder(ctx context.Context, attempt int, taken func(Job, record) error) error {
	path, left, err := t.workFolder(attempt)
	if err != nil {
		return err
	}
	f := &folder{store: t.store, path: path, links: map[string]link{}}
	defer t.clear(path)
	var job Job
	if left {
		if job, err = ReadJob(path); err == nil {
			err = t.whole()
		}
		job.Resumed = true
	} else {
		job, err = t.prepare(f, attempt)
	}
	if err != nil {
		return err
	}
	job.Cards = t.cards
	ran, err := t.execute(ctx, job)
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
	return taken(job, ran)
}

// prepare fills a new work folder.
func (t *task) prepare(f *folder, attempt int) (Job, error) {
	job := Job{Key: t.action.key, Stage: t.node.Stage, Attempt: attempt, Resources: t.node.Resources}
	for _, sub := range []string{"inputs", "outputs"} {
		if err := os.MkdirAll(filepath.Join(f.path, sub), 0o755); err != nil {
			return job, err
		}
	}
	threads := t.want.cpus
	if t.remote {
		threads = max(1, t.node.Resources.CPUs)
	}
	var err error
	if job.Request, err = t.action.manifest.request(t.node, f.path, threads); err != nil {
		return job, err
	}
	job.Scratch = t.scratch
	if err := errors.Join(t.fill(f, &job.Request), t.placeCode(f)); err != nil {
		return job, err
	}
	if err := t.store.describe(t.action, t.lists, t.inputs); err != nil {
		return job, err
	}
	if t.remote {
		return job, t.keep(job)
	}
	return job, nil
}

// clear removes a work folder. What cannot be removed is swept by a later run.
func (t *task) clear(path string) {
	os.RemoveAll(path)
	if t.remote {
		os.Remove(filepath.Dir(path)) // fails if it is not empty
	}
}

// broken is the failure of a stage that did not keep its promises.
func broken(err error) error {
	return &ActionError{Class: ClassError, Message: err.Error()}
}

// record is what an executor told of an action that ended well.
type record struct {
	metrics map[string]float64
	order   []string // of their names
	host    string   // "" is this one
	device  string   // "" if the stage does not say
	seconds float64  // 0: as long as the attempt took
}

// execute hands the job to the executor and keeps what it says.
func (t *task) execute(ctx context.Context, job Job) (record, error) {
	ran := record{metrics: map[string]float64{}}
	log, err := t.openLog(job.Attempt)
	if err != nil {
		return ran, err
	}
	defer log.file.Close()
	t.leave()
	defer t.enter()
	var reported time.Time
	err = t.executor.Run(ctx, job, log.line, func(e WorkerEvent) {
		switch e.Kind {
		case EventBegin:
			ran.host = e.Message
			t.begin(job.Attempt)
		case EventRan:
			ran.seconds = e.Values["seconds"]
		case "metric":
			for _, k := range slices.Sorted(maps.Keys(e.Values)) { // a worker of ours tells one at a time
				if _, told := ran.metrics[k]; !told {
					ran.order = append(ran.order, k)
				}
				ran.metrics[k] = e.Values[k]
			}
		case "device":
			ran.device = e.Message
		case "progress":
			if now := time.Now(); now.Sub(reported) >= progressEvents || e.Step == e.Total {
				reported = now
				t.emit(Event{Type: EventProgress, Address: t.node.Address, Stage: t.node.Stage, Step: e.Step, Steps: e.Total, Values: e.Values})
			}
		}
	})
	var failed *ActionError
	if err == nil {
		return ran, nil
	}
	if errors.As(err, &failed) && failed.crash() && len(log.tail) > 0 {
		err = &ActionError{Class: failed.Class, Message: failed.Message + "; its last lines were:\n" + strings.Join(log.tail, "\n")}
	}
	fmt.Fprintln(log.file, "pipe:", Headline(err.Error()))
	return ran, err
}

// describe stores what the key stands for: the manifest, the lists of groups, the trees of outside folders.
// They serve explanations only, so they need not survive a power failure.
func (s *Store) describe(action *resolved, lists [][]byte, inputs []source) error {
	p := s.publisher()
	if err := p.put(action.key, action.raw, false); err != nil {
		return err
	}
	for _, raw := range lists {
		if err := p.put(hashBytes(raw), raw, false); err != nil {
			return err
		}
	}
	for _, in := range inputs {
		if in.outside == "" || !in.digest.IsTree() || s.check(in.digest, -1) == nil {
			continue
		}
		w := &treeWriter{file: s.files.file, emit: func(hex string, raw []byte) error { return p.put(hex, raw, false) }}
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
		return nil, broken(fmt.Errorf("the stage ended well but did not make %s: it must write each to its place, output.NAME", strings.Join(missing, ", ")))
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
