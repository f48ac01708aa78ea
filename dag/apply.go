package dag

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"
)

// Apply runs what the plan says, then publishes. Events go to sink, one at a time; the last one is the summary.
// Failed actions are counted in the summary; the error is for what stops or spoils a whole run: an address
// that is not there, an input that is not there, a store or a publication that cannot be written.
func (e *Engine) Apply(ctx context.Context, g *Graph, pubs []Publication, opts ApplyOptions, sink func(Event)) (_ *Summary, err error) {
	started := time.Now()
	defer func() { err = withRemedy(err) }()
	if err := e.Store.sweep(); err != nil {
		return nil, err
	}
	j, err := e.Store.begin(opts) // before anything is looked up, so that a GC beside this run waits for what it needs
	if err != nil {
		return nil, err
	}
	defer j.file.Close()
	f := &feed{sink: sink, journal: j}
	s, plan, err := e.planned(ctx, g, opts.PlanOptions, f.warn)
	if err == nil && opts.Saved != nil {
		err = opts.Saved.hold(plan)
	}
	if err != nil {
		return nil, errors.Join(err, os.Remove(j.file.Name())) // nothing was run
	}
	r := newRun(s, plan, e, opts, f)
	r.publications = byAddress(pubs)
	if e.Push {
		r.pusher = s.shared.pusher(ctx, f, opts.Kill)
	}
	set, err := e.Store.keepSet(r.cachedKeys(plan))
	if err == nil {
		err = j.cached(set)
	}
	if err != nil {
		return nil, err
	}
	counts := plan.Summary()
	r.feed.emit(Event{Type: EventPlan, Plan: &counts})

	err = r.loop(ctx)
	published, perr := r.publish(pubs)
	sum := r.summary(plan)
	sum.Pushed = r.pusher.wait()
	sum.Published, sum.Run, sum.Interrupted = published, j.id, ctx.Err() != nil && sum.Skipped+sum.Failed > 0
	r.feed.emit(Event{Type: EventSummary, Summary: sum, Seconds: time.Since(started).Seconds()})
	if sum.Executed+sum.Failed > 0 {
		err = errors.Join(err, e.Store.saveIndex())
	}
	return sum, errors.Join(err, perr, r.feed.err, e.Store.files.save(e.Store))
}

// planned settles what can be known before anything runs.
func (e *Engine) planned(ctx context.Context, g *Graph, opts PlanOptions, warn func(string)) (*session, *Plan, error) {
	s, err := e.session(ctx, g, opts, warn)
	if err != nil {
		return nil, nil, err
	}
	p, err := s.plan()
	if err != nil {
		return nil, nil, err
	}
	return s, p, e.refuse(p)
}

// cachedKeys are the instances that the plan found in the store.
func (r *run) cachedKeys(p *Plan) map[string]string {
	keys := map[string]string{}
	for _, a := range p.Actions {
		if a.State == StateCached {
			keys[a.Node.Address] = a.Key
		}
	}
	return keys
}

// summary counts how the instances ended.
func (r *run) summary(p *Plan) *Summary {
	sum := &Summary{Total: len(p.Actions)}
	for _, a := range p.Actions {
		switch r.ended[a.Node.Address] {
		case endCached:
			sum.Cached++
			if r.states[a.Node.Address].remote {
				sum.Remote++
			}
		case endExecuted:
			sum.Executed++
		case endFailed:
			sum.Failed++
			sum.Failures = append(sum.Failures, r.failures[a.Node.Address])
		default:
			sum.Skipped++
		}
	}
	return sum
}

// feed delivers events to the caller and to the journal, one at a time.
type feed struct {
	mu      sync.Mutex
	sink    func(Event)
	journal *journal
	err     error // the first of the journal's
}

func (f *feed) emit(e Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	e.Time = time.Now().UTC()
	if !e.Cached || e.Reason != "" { // the plan's are in the journal already
		if err := f.journal.event(e); err != nil && f.err == nil {
			f.err = err
		}
	}
	if f.sink != nil {
		f.sink(e)
	}
}

func (f *feed) warn(text string) { f.emit(Event{Type: EventWarning, Message: text}) }

// broken says whether the run can no longer be recorded.
func (f *feed) broken() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err != nil
}
