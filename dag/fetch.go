package dag

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"sync"

	"github.com/pipe-ml/pipe/dag/remote"
)

// piece is content that somebody is about to read.
type piece struct {
	digest Digest
	size   int64 // of a file
}

// fetch brings here what is missing of some content, level by level of its folders. What cannot be had is lost, which
// is no error: whoever reads it is told by a BlobError, as of any blob that has gone.
func (s *shared) fetch(ctx context.Context, level []piece) error {
	if s == nil {
		return nil
	}
	var mu sync.Mutex
	var errs []error
	p := s.store.publisher()
	name := func(tmp, hex string) error {
		mu.Lock()
		defer mu.Unlock()
		return p.name(tmp, hex)
	}
	seen := map[Digest]bool{}
	for len(level) > 0 && ctx.Err() == nil {
		var todo, next []piece
		for _, x := range level {
			if !seen[x.digest] {
				seen[x.digest] = true
				todo = append(todo, x)
			}
		}
		inParallel(len(todo), remote.Parallel, func(i int) {
			inside, err := s.bring(ctx, todo[i], name)
			mu.Lock()
			defer mu.Unlock()
			next = append(next, inside...)
			errs = append(errs, err)
		})
		level = next
	}
	return errors.Join(append(errs, p.commit(), ctx.Err())...)
}

// bring makes sure that one blob is here, if it can be had, and says what is in it if it is a folder's.
func (s *shared) bring(ctx context.Context, x piece, name func(tmp, hex string) error) ([]piece, error) {
	hex, size := x.digest.Hex(), x.size
	if x.digest.IsTree() {
		size = -1
	}
	held, _ := s.busy.LoadOrStore(hex, new(sync.Mutex)) // many may be about to read the same weights
	held.(*sync.Mutex).Lock()
	defer held.(*sync.Mutex).Unlock()
	var gone *BlobError
	err := s.store.check(Digest(filePrefix+hex), size)
	if errors.As(err, &gone) {
		err = s.download(ctx, hex, size, name)
	}
	if err != nil || !x.digest.IsTree() {
		return nil, err
	}
	tree, err := s.store.tree(x.digest)
	if err != nil { // it did not come, or is no folder
		s.lose(hex, true)
		return nil, nil //nolint:nilerr // whoever reads it is told
	}
	inside := make([]piece, len(tree))
	for i, e := range tree {
		inside[i] = piece{e.Digest, e.Size}
	}
	return inside, nil
}

// download gets a blob from the remote cache. The error is one of this machine.
func (s *shared) download(ctx context.Context, hex string, size int64, name func(tmp, hex string) error) error {
	if _, lost := s.lost.Load(hex); lost {
		return nil
	}
	err := s.client.Blob(ctx, hex, size, func(body io.Reader) error {
		tmp, err := s.store.temp()
		if err != nil {
			return err
		}
		err = writeFile(tmp, true, func(w *bufio.Writer) error { _, err := io.Copy(w, body); return err })
		if err == nil {
			err = name(tmp, hex)
		}
		if err != nil {
			os.Remove(tmp)
		}
		return err
	})
	var fault *remote.LocalError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &fault):
		return err
	}
	s.note(err)
	s.lose(hex, false)
	return nil
}

// needs are the pieces that an action reads from the store.
func (t *task) needs() []piece {
	var list []piece
	for _, in := range t.inputs {
		switch {
		case in.outside != "":
		case t.grouped(in.name):
			for _, m := range in.members {
				list = append(list, piece{m.digest, m.size})
			}
		default:
			list = append(list, piece{in.digest, in.size})
		}
	}
	return list
}

// have ends an instance whose result is known. What is to be published of it comes from the remote cache first, if it is
// still there only.
func (r *run) have(ctx context.Context, st *state) {
	pubs := r.publications[st.node.Address]
	if !st.remote || len(pubs) == 0 {
		r.cached(ctx, st)
		return
	}
	result := st.result
	r.running++
	go func() {
		var wanted []piece
		for _, p := range pubs {
			a, ok := result.Output(p.Ref.Output)
			if now, err := r.files.digest(p.Path); ok && (err != nil || now != a.Digest) {
				wanted = append(wanted, piece{a.Digest, a.Size})
			}
		}
		err := r.shared.fetch(ctx, wanted)
		r.outcomes <- outcome{task: &task{node: st.node}, fetched: true, err: err}
	}()
}

// fetched ends the instance, or runs it if what is to be published could not be had.
func (r *run) fetched(ctx context.Context, out outcome) {
	address := out.task.node.Address
	switch {
	case ctx.Err() != nil: // the run was killed: it is skipped
	case out.err != nil:
		r.fail(address, out.err, 0)
	default:
		r.audit = &audit{store: r.store, shared: r.shared} // what it remembers is out of date
		if damage, _ := r.audit.outputs(r.states[address].result); damage == nil {
			r.cached(ctx, r.states[address])
			return
		}
		r.forget(address)
		r.arrive(ctx, address)
	}
}

func byAddress(pubs []Publication) map[string][]Publication {
	all := map[string][]Publication{}
	for _, p := range pubs {
		all[p.Ref.Address] = append(all[p.Ref.Address], p)
	}
	return all
}
