package dag

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// SampleReport is what running actions a second time gave.
type SampleReport struct {
	Cached  int          `json:"cached"`  // actions that the sample was taken from
	Run     int          `json:"run"`     // again
	Differ  []Difference `json:"differ"`  // in what they made
	Failed  []Failure    `json:"failed"`  // this time
	Seconds float64      `json:"seconds"` // all together
}

// Difference is an action that did not make the same again. No result is changed by it.
type Difference struct {
	Address string        `json:"address"`
	Key     string        `json:"key"`
	Outputs []OutputTwice `json:"outputs"`
}

// OutputTwice is an output that differs.
type OutputTwice struct {
	Name   string       `json:"name"`
	First  Digest       `json:"first"`
	Second Digest       `json:"second"`
	Files  []FileChange `json:"files,omitempty"` // of a folder: what the second run added, removed or changed
}

// secondRun is kept in the store, at second/KEY.json.
type secondRun struct {
	Time    time.Time         `json:"time"`
	Host    string            `json:"host"`
	Outputs map[string]Digest `json:"outputs"`
}

// Resample runs a part of the cached actions of g again, each in a work folder of its own, and compares what they
// make with what is in the store. The keys decide which: the same fraction of the same results is the same sample,
// and at least one. Empty addresses mean all.
func (e *Engine) Resample(ctx context.Context, g *Graph, addresses []string, fraction float64, opts ApplyOptions, sink func(Event)) (*SampleReport, error) {
	started := time.Now()
	s, err := e.session(ctx, g, PlanOptions{}, e.Warn)
	if err != nil {
		return nil, withRemedy(err)
	}
	rep := &SampleReport{Differ: []Difference{}, Failed: []Failure{}}
	sample := s.sample(addresses, fraction, rep)
	total := e.capacity(opts)
	slots := &slots{free: total}
	slots.cond = sync.NewCond(&slots.mu)
	var mu sync.Mutex
	emit := func(ev Event) {
		mu.Lock()
		defer mu.Unlock()
		ev.Time = time.Now().UTC()
		sink(ev)
	}
	var running sync.WaitGroup
	var errs []error
	for _, st := range sample {
		if reason := e.refusalHere(st.node); reason != "" {
			mu.Lock()
			rep.add(st, nil, errors.New(reason))
			mu.Unlock()
			continue
		}
		want := total.want(st.node)
		cards := slots.take(want)
		if ctx.Err() != nil {
			break
		}
		t, err := e.second(s, st, want, emit)
		if err != nil {
			errs = append(errs, err)
			break
		}
		t.cards = cards
		running.Go(func() {
			defer slots.give(want, cards)
			diff, err := t.again(ctx, st.result)
			mu.Lock()
			defer mu.Unlock()
			rep.add(st, diff, err)
		})
	}
	running.Wait()
	rep.Seconds = time.Since(started).Seconds()
	slices.SortFunc(rep.Differ, func(a, b Difference) int { return strings.Compare(a.Address, b.Address) })
	slices.SortFunc(rep.Failed, func(a, b Failure) int { return strings.Compare(a.Address, b.Address) })
	return rep, withRemedy(errors.Join(append(errs, ctx.Err())...))
}

func (rep *SampleReport) add(st *state, diff []OutputTwice, err error) {
	switch rep.Run++; {
	case errors.Is(err, context.Canceled):
		rep.Run--
	case err != nil:
		rep.Failed = append(rep.Failed, Failure{Address: st.node.Address, Message: st.node.placed(withRemedy(err))})
	case len(diff) > 0:
		rep.Differ = append(rep.Differ, Difference{st.node.Address, st.action.key, diff})
	}
}

// sample chooses by key.
func (s *session) sample(addresses []string, fraction float64, rep *SampleReport) []*state {
	var all []*state
	seen := map[string]bool{}
	for _, n := range s.g.Nodes() {
		st := s.states[n.Address]
		if n.Virtual() || st.result == nil || seen[st.action.key] || len(addresses) > 0 && !slices.Contains(addresses, n.Address) {
			continue
		}
		seen[st.action.key] = true
		all = append(all, st)
	}
	rep.Cached = len(all)
	slices.SortFunc(all, func(a, b *state) int { return strings.Compare(a.action.key, b.action.key) })
	n := 0
	for n < len(all) && share(all[n].action.key) < fraction {
		n++
	}
	return all[:min(len(all), max(n, 1))]
}

// share is where a key lies among all that there can be, from 0 to 1.
func share(key string) float64 {
	n, err := strconv.ParseUint(key[:16], 16, 64)
	if err != nil {
		return 1
	}
	return float64(n) / math.MaxUint64
}

// second makes the task of running an action again. Its log is in the work folder of this process.
func (e *Engine) second(s *session, st *state, want demand, emit func(Event)) (*task, error) {
	log, err := s.store.temp()
	if err != nil {
		return nil, err
	}
	t := &task{
		node: st.node, action: st.action, want: want, runID: "verify", log: log, root: cmp.Or(st.node.Root, s.root), store: s.store,
		executor: e.Executor, emit: emit,
	}
	t.inputs, t.lists, _ = s.sources(st)
	return t, nil
}

// again runs the action and lists the outputs that differ from first.
func (t *task) again(ctx context.Context, first *Result) (diff []OutputTwice, err error) {
	defer os.Remove(t.log)
	started := time.Now()
	t.emit(Event{Type: EventStart, Address: t.node.Address, Stage: t.node.Stage, Key: t.action.key, Reason: "to compare", Attempt: 1, Expect: first.Seconds})
	second := secondRun{started.UTC(), hostname(), map[string]Digest{}}
	err = t.inFolder(ctx, 1, func(job Job, _ record) error {
		for _, a := range first.Outputs {
			objects := map[string][]byte{}
			d, err := digestOutput(job.Outputs[a.Name], objects)
			if err != nil {
				return fmt.Errorf("output %s: %w", a.Name, err)
			}
			if second.Outputs[a.Name] = d; d != a.Digest {
				diff = append(diff, OutputTwice{a.Name, a.Digest, d, t.store.treeChanges(a.Digest, d, objects)})
			}
		}
		return nil
	})
	if err != nil {
		t.emit(Event{Type: EventFailed, Address: t.node.Address, Stage: t.node.Stage, Key: t.action.key, Message: err.Error()})
		return nil, err
	}
	t.emit(Event{Type: EventComplete, Address: t.node.Address, Stage: t.node.Stage, Key: t.action.key, Seconds: time.Since(started).Seconds()})
	raw, err := json.Marshal(second)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(t.store.dir, seconds)
	return diff, cmp.Or(os.MkdirAll(dir, 0o755), t.store.write(filepath.Join(dir, t.action.key+".json"), false, contents(raw)))
}

// seconds is the folder of what actions gave when they were run to compare.
const seconds = "second"

// digestOutput is the digest of what a stage made, with the objects of its folders.
func digestOutput(path string, objects map[string][]byte) (Digest, error) {
	w := &treeWriter{emit: func(hex string, raw []byte) error { objects[hex] = raw; return nil }}
	w.file = func(path string, _ os.FileInfo) (Digest, error) {
		hex, _, err := hashFile(path)
		return Digest(filePrefix + hex), err
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if info.IsDir() {
		d, _, err := w.add(path)
		return d, err
	}
	return w.file(path, info)
}

// treeChanges says which files of a folder differ, given the objects of the newer one.
func (s *Store) treeChanges(old, now Digest, objects map[string][]byte) []FileChange {
	if !old.IsTree() || !now.IsTree() {
		return nil
	}
	d := treeDiff{tree: func(d Digest) (Tree, error) {
		if raw, ok := objects[d.Hex()]; ok {
			return decodeTree(raw)
		}
		return s.tree(d)
	}}
	d.walk("", old, now)
	return d.out
}

// slots are the free capacity.
type slots struct {
	mu   sync.Mutex
	cond *sync.Cond
	free capacity
}

func (s *slots) take(want demand) (cards []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.free.fits(want) {
		s.cond.Wait()
	}
	return s.free.take(want)
}

func (s *slots) give(back demand, cards []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free.give(back, cards)
	s.cond.Broadcast()
}
