package dag

import (
	"cmp"
	"context"
	"errors"
	"runtime"
	"slices"
	"time"
)

// How an instance ended.
const (
	endCached   = "cached"
	endExecuted = "executed"
	endFailed   = "failed"
	endSkipped  = "skipped"
	endVirtual  = "virtual"
)

const (
	parkedPause = 200 * time.Millisecond // between two looks at what another run is doing
	maxRevivals = 3                      // of one producer in one run
)

// run is one Apply. All its fields belong to the goroutine of loop; actions run in goroutines of their own,
// get all that they need in a task, and answer with an outcome.
type run struct {
	*session
	feed     *feed
	claims   *claims
	pusher   *pusher
	engine   *Engine
	failFast bool
	killed   <-chan struct{}
	total    capacity
	gate     chan struct{} // held by what prepares or collects an action that runs elsewhere

	free         capacity
	publications map[string][]Publication // by address
	plans        map[string]PlannedAction
	rank         map[string]float64  // seconds from the start of an instance to the end of all that needs it
	left         map[string]int      // producers that have not ended
	ended        map[string]string   // address -> endX
	revived      map[string]int      // how often a producer ran again since its blobs had gone
	waiters      map[string][]string // revived producer -> readers that wait for it again
	ready        queue
	running      int
	inFlight     map[string][]string // key -> other instances with the same key
	parked       []string            // what another run has claimed
	outcomes     chan outcome
	stopped      string // why nothing more is started
	interrupted  func() bool
	failures     map[string]Failure
}

func newRun(s *session, p *Plan, e *Engine, opts ApplyOptions, f *feed) *run {
	r := &run{
		session: s, feed: f, engine: e, failFast: opts.FailFast, killed: opts.Kill,
		total: e.capacity(opts), gate: make(chan struct{}, 2*runtime.GOMAXPROCS(0)), plans: make(map[string]PlannedAction, len(p.Actions)),
		left: map[string]int{}, ended: make(map[string]string, len(p.Actions)), revived: map[string]int{},
		waiters: map[string][]string{}, inFlight: map[string][]string{}, outcomes: make(chan outcome),
		failures: map[string]Failure{},
	}
	r.free = r.total
	r.started[f.journal.id] = map[string]Event{}
	for _, a := range p.Actions {
		r.plans[a.Node.Address] = a
	}
	return r
}

// loop runs the graph to its end. Cancelling ctx stops starting; closing killed ends what runs.
func (r *run) loop(ctx context.Context) error {
	r.interrupted = func() bool { return ctx.Err() != nil }
	r.claims = r.store.keepClaims()
	defer r.claims.close()
	background, kill := context.WithCancel(context.WithoutCancel(ctx))
	defer kill()
	r.rank = r.ranks()
	for _, n := range r.g.Nodes() {
		r.left[n.Address] = len(r.g.Predecessors(n.Address))
	}
	for _, n := range r.g.Nodes() {
		if len(r.g.Predecessors(n.Address)) == 0 {
			r.arrive(background, n.Address)
		}
	}
	cancelled, killed := ctx.Done(), r.killed
	for {
		if ctx.Err() != nil {
			r.stop("the run was interrupted")
		}
		if r.feed.broken() {
			r.stop("the journal cannot be written")
		}
		r.start(background)
		var look <-chan time.Time
		if len(r.parked) > 0 && r.stopped == "" {
			look = time.After(parkedPause)
		}
		if r.running == 0 && look == nil {
			break
		}
		select {
		case out := <-r.outcomes:
			r.handle(background, out)
		case <-look:
			r.unpark(background)
		case <-cancelled:
			cancelled = nil
			for _, x := range r.engine.Executors {
				x.Drain()
			}
		case <-killed:
			killed = nil
			r.stopped = "the run was killed" // whatever it was stopped for before
			kill()
		}
	}
	for _, n := range r.g.Nodes() {
		r.skip(n.Address, cmp.Or(r.stopped, "what it needs did not run"))
	}
	errs := []error{r.engine.Executor.Close()}
	for _, x := range r.engine.Executors {
		errs = append(errs, x.Close())
	}
	return errors.Join(errs...)
}

// ranks is the length of the critical path from each node, by what its parts took before.
func (r *run) ranks() map[string]float64 {
	ranks := make(map[string]float64, len(r.g.Nodes()))
	if !slices.ContainsFunc(r.g.Nodes(), func(n *Node) bool { return !n.Virtual() && r.states[n.Address].result == nil }) {
		return ranks // nothing runs
	}
	for _, n := range slices.Backward(r.g.Nodes()) {
		longest := 0.0
		for _, a := range r.g.Successors(n.Address) {
			longest = max(longest, ranks[a])
		}
		if !n.Virtual() {
			longest += cmp.Or(r.expect(n), 1) // what never ran is taken to be all alike
		}
		ranks[n.Address] = longest
	}
	return ranks
}

// arrive takes up a node all of whose producers have ended well.
func (r *run) arrive(ctx context.Context, address string) {
	st := r.states[address]
	if r.ended[address] != "" {
		return
	}
	if st.action == nil && st.listDigest == "" || st.action != nil && st.action.key == "" {
		if err := r.resettle(ctx, st.node); err != nil {
			r.fail(address, err, 0)
			return
		}
		if !st.node.Virtual() && st.action.key == "" { // a producer is running again
			r.await(address, r.waits(st.node))
			return
		}
	}
	switch {
	case st.node.Virtual():
		r.finish(ctx, address, endVirtual)
	case st.result != nil:
		r.have(ctx, st)
	default:
		r.enqueue(st)
	}
}

// cached ends an instance whose result is in the store.
func (r *run) cached(ctx context.Context, st *state) {
	e := Event{Type: EventComplete, Address: st.node.Address, Stage: st.node.Stage, Key: st.action.key, Cached: true, Remote: st.remote,
		Values: st.result.Metrics, Order: st.result.Order}
	if r.plans[st.node.Address].State != StateCached {
		e.Reason = "its inputs came out as they were"
	}
	if st.twin != "" {
		e.Reason = "same key as " + st.twin
	}
	if st.found {
		e.Reason = "it was found in the remote cache"
	}
	r.feed.emit(e)
	r.finish(ctx, st.node.Address, endCached)
}

// forget makes arrive settle a node anew.
func (r *run) forget(address string) {
	st := r.states[address]
	st.action, st.result, st.list, st.listDigest, st.members = nil, nil, nil, "", nil
}

// enqueue makes an instance ready to start, unless another one with the same key is on its way.
func (r *run) enqueue(st *state) {
	address, key := st.node.Address, st.action.key
	if others, ok := r.inFlight[key]; ok {
		r.inFlight[key] = append(others, address)
		return
	}
	r.inFlight[key] = nil
	r.ready.push(r.task(st))
	r.feed.emit(Event{Type: EventQueued, Address: address, Stage: st.node.Stage, Key: key})
}

// start fills the free capacity with the longest paths first.
func (r *run) start(ctx context.Context) {
	for r.stopped == "" {
		t := r.ready.next(func(t *task) bool { return r.free.fits(t.want) })
		if t == nil {
			return
		}
		t.cards = r.free.take(t.want)
		r.running++
		go func() { r.outcomes <- t.perform(ctx) }()
	}
}

// unpark takes up what another run has given up or finished.
func (r *run) unpark(ctx context.Context) {
	parked := r.parked
	r.parked = nil
	for _, a := range parked {
		if key := r.states[a].action.key; !r.claims.free(key) {
			r.parked = append(r.parked, a)
			continue
		}
		r.forget(a)
		r.arrive(ctx, a)
	}
}

func (r *run) stop(why string) {
	if r.stopped == "" {
		r.stopped = why
	}
}

// handle takes in how an action ended.
func (r *run) handle(ctx context.Context, out outcome) {
	t := out.task
	r.running--
	if out.fetched {
		r.fetched(ctx, out)
		return
	}
	r.free.give(t.want, t.cards)
	others := r.inFlight[t.action.key]
	delete(r.inFlight, t.action.key)
	address := t.node.Address
	var bad *BlobError
	switch {
	case out.claimed:
		who := r.claims.holder(t.action.key)
		for _, a := range append([]string{address}, others...) {
			r.parked = append(r.parked, a)
			r.feed.emit(Event{
				Type: EventQueued, Address: a, Stage: r.states[a].node.Stage, Key: t.action.key, Reason: who + " is doing it",
			})
		}
	case errors.As(out.err, &bad) && r.revive(ctx, address, others):
	case errors.Is(out.err, ErrNotBegun), ctx.Err() != nil && errors.Is(out.err, ctx.Err()): // skipped when the loop ends
	case out.err != nil:
		for _, a := range append([]string{address}, others...) {
			r.fail(a, out.err, out.seconds)
		}
	default:
		st := r.states[address]
		st.result, st.damage, st.remote, st.found = out.result, nil, out.remote, out.remote
		if out.cached {
			r.have(ctx, st)
		} else {
			r.pusher.push(st)
			r.feed.emit(Event{
				Type: EventComplete, Address: address, Stage: t.node.Stage, Key: t.action.key,
				Seconds: out.result.Seconds, Values: out.result.Metrics, Order: out.result.Order,
			})
			r.finish(ctx, address, endExecuted)
		}
		for _, a := range others {
			st := r.states[a]
			st.result, st.damage, st.remote, st.found, st.twin = out.result, nil, out.remote, out.remote, address
			r.have(ctx, st)
		}
	}
}

// finish ends a node well and takes up what waited for it alone.
func (r *run) finish(ctx context.Context, address, how string) {
	r.ended[address] = how
	readers := r.g.Successors(address)
	if r.revived[address] > 0 && !r.states[address].node.Virtual() {
		readers = r.waiters[address] // the others have started already
		delete(r.waiters, address)
	}
	for _, a := range readers {
		if r.left[a]--; r.left[a] == 0 {
			r.arrive(ctx, a)
		}
	}
}

// fail ends an instance badly, and with it all that needs it.
func (r *run) fail(address string, err error, seconds float64) {
	st := r.states[address]
	message := st.node.placed(err)
	f := Failure{Address: address, Message: message}
	key := ""
	if st.action != nil && st.action.key != "" {
		key = st.action.key
		if log := r.store.logFile(key); exists(log) {
			f.Log = log
		}
	}
	r.ended[address], r.failures[address] = endFailed, f
	r.feed.emit(Event{
		Type: EventFailed, Address: address, Stage: st.node.Stage, Key: key, Message: message, Log: f.Log, Seconds: seconds,
	})
	if r.failFast {
		r.stop("another action failed")
	}
	r.skipReaders(address, address+" failed")
}

// skipReaders skips all that waits for a node. What has what it needs, from before the node ran again, goes on.
func (r *run) skipReaders(address, reason string) {
	for _, a := range slices.Concat(r.g.Successors(address), r.waiters[address]) {
		if r.ended[a] == "" && r.left[a] > 0 {
			r.skip(a, reason)
			r.skipReaders(a, reason)
		}
	}
}

// skip ends a node that is not run.
func (r *run) skip(address, reason string) {
	if r.ended[address] != "" {
		return
	}
	r.ended[address] = endSkipped
	if n := r.states[address].node; !n.Virtual() {
		r.feed.emit(Event{Type: EventSkipped, Address: address, Stage: n.Stage, Reason: reason})
	}
}
