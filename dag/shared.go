package dag

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/pipe-ml/pipe/dag/remote"
)

// shared is the remote cache as one plan or run sees it. It never stops a run: what it does not have, or gives damaged,
// is run here. A nil one has nothing.
type shared struct {
	client *remote.Client
	store  *Store
	warn   func(string)
	warned atomic.Bool // that it is down
	busy   sync.Map    // hex -> *sync.Mutex, held by who fetches that blob
	lost   sync.Map    // hex -> bool: blobs that it was asked for in vain; true: whatever is here is no good either
	losses atomic.Int64
}

// remoteCache is the engine's remote cache, or nil. warn is told once why it is not used.
func (e *Engine) remoteCache(warn func(string)) *shared {
	if e.Remote == nil {
		return nil
	}
	return &shared{client: e.Remote, store: e.Store, warn: warn}
}

// note warns if an error says that the server is down.
func (s *shared) note(err error) {
	var down *remote.DownError
	if errors.As(err, &down) && !s.warned.Swap(true) && s.warn != nil {
		s.warn(fmt.Sprintf("the remote cache %s cannot be used (%v): going on without it", s.client.URL(), down))
	}
}

// find looks for the result of an action. What it finds becomes a result of the store, as if it had been run here; its
// content comes when it is needed.
func (s *shared) find(ctx context.Context, action *resolved, lists [][]byte, inputs []source) (*Result, error) {
	if s == nil {
		return nil, nil
	}
	text, err := s.client.Record(ctx, action.key)
	if err != nil {
		s.note(err)
		return nil, nil //nolint:nilerr // then it runs here
	}
	r := parseResult(text, action.key)
	if r == nil || !r.fits(action.manifest) {
		return nil, nil
	}
	r.Remote = s.client.URL()
	if slices.ContainsFunc(r.Outputs, func(o Artifact) bool { return !s.offers(r, o.Digest) }) {
		return nil, nil
	}
	err = s.store.describe(action, lists, inputs)
	if err == nil {
		err = s.store.save(r)
	}
	if err != nil && !unwritable(err) {
		return nil, err
	}
	return r, nil
}

// fits says whether a record from elsewhere is one that this manifest's action could have made.
func (r *Result) fits(m *Manifest) bool {
	names := m.outputNames()
	if len(names) != len(r.Outputs) {
		return false
	}
	for i, o := range r.Outputs {
		if o.Name != names[i] || o.File != m.Outputs[o.Name] || !o.Digest.valid() || o.Size < 0 {
			return false
		}
	}
	return true
}

// offers says whether what is missing of an artifact of r can still be had, as far as is known.
func (s *shared) offers(r *Result, d Digest) bool {
	switch {
	case s == nil || r.Remote != s.client.URL():
		return false
	case s.losses.Load() == 0:
		return true
	}
	w := &blobWalk{store: s.store, seen: map[Digest][]string{}}
	return !slices.ContainsFunc(w.artifact(d), func(hex string) bool {
		useless, lost := s.lost.Load(hex)
		return lost && (useless.(bool) || s.store.check(Digest(filePrefix+hex), -1) != nil)
	})
}

// lose remembers that a blob cannot be had.
func (s *shared) lose(hex string, useless bool) {
	s.lost.Store(hex, useless)
	s.losses.Add(1)
}

// ask looks in the remote cache for the results of nodes that the store does not have.
func (s *session) ask(ctx context.Context, nodes []*Node) error {
	if s.shared == nil {
		return nil
	}
	var wanted [][]*state // those with the same key are one
	byKey := map[string]int{}
	for _, n := range nodes {
		st := s.states[n.Address]
		if st.action == nil || st.action.key == "" || st.result != nil || s.replace[n.Address] {
			continue
		}
		i, again := byKey[st.action.key]
		if !again {
			i = len(wanted)
			byKey[st.action.key] = i
			wanted = append(wanted, nil)
		}
		wanted[i] = append(wanted[i], st)
	}
	errs := make([]error, len(wanted))
	inParallel(len(wanted), remote.Parallel, func(i int) {
		first := wanted[i][0]
		inputs, lists, _ := s.sources(first)
		r, err := s.shared.find(ctx, first.action, lists, inputs)
		if errs[i] = err; r == nil {
			return
		}
		for _, st := range wanted[i] {
			st.result, st.damage, st.remote, st.found = r, nil, true, true
		}
	})
	return cmp.Or(errors.Join(errs...), ctx.Err())
}

// inParallel calls do for 0 to n-1, so many at once.
func inParallel(n, most int, do func(i int)) {
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(n, most) {
		wg.Go(func() {
			for i := range next {
				do(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
}
