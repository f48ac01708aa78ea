package dag

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"sync"

	"github.com/pipe-ml/pipe/dag/remote"
)

// How much is pushed at the same time: together less than remote.Parallel, since actions wait for what is fetched.
const (
	resultsAtOnce = 4
	blobsAtOnce   = 2 // of each
)

// pusher gives the remote cache what a run has made, beside the run. A nil one does nothing.
type pusher struct {
	shared *shared
	feed   *feed
	ctx    context.Context
	cut    context.CancelFunc
	slots  chan struct{}
	going  sync.WaitGroup

	mu      sync.Mutex
	all     int
	done    int
	failed  []*Result
	first   error // of those that failed
	awaited bool
}

// pusher makes one. It outlives an interrupt, and ends when kill is closed.
func (s *shared) pusher(ctx context.Context, f *feed, kill <-chan struct{}) *pusher {
	if s == nil {
		return nil
	}
	p := &pusher{shared: s, feed: f, slots: make(chan struct{}, resultsAtOnce)}
	p.ctx, p.cut = context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		select {
		case <-kill:
			p.cut()
		case <-p.ctx.Done():
		}
	}()
	return p
}

// push begins to push the result of an instance. One that was made with values that must not be shown is kept here, since
// they are in its manifest.
func (p *pusher) push(st *state) {
	if p == nil || len(st.node.Secret) > 0 {
		return
	}
	p.mu.Lock()
	p.all++
	p.mu.Unlock()
	p.begin(st.result)
}

// begin begins to push a result.
func (p *pusher) begin(r *Result) {
	p.going.Go(func() {
		p.slots <- struct{}{}
		err := p.shared.put(p.ctx, r)
		<-p.slots
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.done++; err != nil {
			p.failed = append(p.failed, r)
			p.first = cmp.Or(p.first, err)
		}
		p.tell()
	})
}

// tell says how far it is, once somebody waits.
func (p *pusher) tell() {
	if p.awaited {
		p.feed.emit(Event{Type: EventPush, Step: p.done, Steps: p.all, Message: p.shared.client.URL()})
	}
}

// wait waits for all that was begun, tries once more what failed, since the server may have been down for some time of a
// long run, and says how many results the remote cache got.
func (p *pusher) wait() int {
	if p == nil {
		return 0
	}
	p.mu.Lock()
	if p.awaited = p.done < p.all; p.awaited {
		p.tell()
	}
	p.mu.Unlock()
	p.going.Wait()
	again := p.failed
	p.done, p.failed, p.first = p.done-len(again), nil, nil
	for _, r := range again {
		p.begin(r)
	}
	p.going.Wait()
	if p.ctx.Err() != nil && p.first != nil {
		p.first = errors.New("the run was killed")
	}
	p.cut()
	if p.shared.note(p.first); p.first != nil && !p.shared.warned.Load() {
		p.feed.warn(fmt.Sprintf("%d of %d results could not be given to the remote cache %s: %v", len(p.failed), p.all, p.shared.client.URL(), p.first))
	}
	return p.all - len(p.failed)
}

// put gives a result to the remote cache: what it names, then its record.
func (s *shared) put(ctx context.Context, r *Result) error {
	files, err := s.store.named(r)
	if err != nil {
		return err
	}
	errs := make([]error, len(files))
	inParallel(len(files), blobsAtOnce, func(i int) {
		_, again := s.lost.Load(files[i].Hash) // it may say that it has what it could not give
		errs[i] = s.client.PutBlob(ctx, files[i].Hash, files[i].Size, again, func() (io.ReadCloser, error) {
			return os.Open(s.store.blob(files[i].Hash))
		})
	})
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	text, err := Canonical(r)
	if err != nil {
		return fmt.Errorf("result: %w", err)
	}
	return s.client.PutRecord(ctx, r.Key, text, files)
}

// named lists the blobs that a result names: its manifest, its files, and the objects of its folders.
func (s *Store) named(r *Result) ([]remote.File, error) {
	l := &lister{store: s, seen: map[string]bool{}}
	l.blob("manifest.json", r.Key)
	for _, o := range r.Outputs {
		l.artifact(path.Join("outputs", o.Name), o.Digest)
	}
	return l.files, l.err
}

// lister lists blobs, each once, with the first error.
type lister struct {
	store *Store
	seen  map[string]bool
	files []remote.File
	err   error
}

func (l *lister) blob(path, hex string) {
	if l.seen[hex] || l.err != nil {
		return
	}
	l.seen[hex] = true
	info, err := os.Stat(l.store.blob(hex))
	if err != nil {
		l.err = err
		return
	}
	l.files = append(l.files, remote.File{Path: path, Hash: hex, Size: info.Size()})
}

// artifact lists a file, or a folder with all that is in it. The object of a folder goes by the folder's name and a slash,
// which no file in it has.
func (l *lister) artifact(at string, d Digest) {
	if !d.IsTree() {
		l.blob(at, d.Hex())
		return
	}
	if l.seen[d.Hex()] {
		return
	}
	l.blob(at+"/", d.Hex())
	tree, err := l.store.tree(d)
	if err != nil && l.err == nil {
		l.err = err
	}
	for _, e := range tree {
		l.artifact(path.Join(at, e.Name), e.Digest)
	}
}
