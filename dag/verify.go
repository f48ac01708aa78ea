package dag

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Damage is content that a result names and the store does not hold.
type Damage struct {
	Address string `json:"address"` // of the first instance found to need it; "" if what tells of it is damaged too
	Output  string `json:"output,omitempty"`
	Path    string `json:"path,omitempty"` // of the file in an output folder
	Digest  Digest `json:"digest"`
	Corrupt bool   `json:"corrupt"` // else missing; what was there is in quarantine
}

func (d Damage) String() string {
	what := "missing"
	if d.Corrupt {
		what = "corrupt, now in quarantine"
	}
	if d.Address == "" {
		return fmt.Sprintf("%s, which no whole result names: %s", d.Digest.Short(), what)
	}
	name := d.Output
	if name == "" {
		name = "what explains it"
	}
	return fmt.Sprintf("%s: %s %s: %s", d.Address, filepath.Join(name, d.Path), d.Digest.Short(), what)
}

// HashReport is what reading everything gave.
type HashReport struct {
	Results int      `json:"results"`
	Blobs   int64    `json:"blobs"`
	Bytes   int64    `json:"bytes"`
	Damaged []Damage `json:"damaged"`
}

// Rehash reads every blob that the last results of g's instances name, and takes corrupt ones out of use: the next
// Apply runs again what made them. Empty addresses mean all. Where an instance's record or a folder's list is gone, nothing tells which
// blobs it would find in the store when it runs again, so all are read.
func (e *Engine) Rehash(ctx context.Context, g *Graph, addresses []string) (*HashReport, error) {
	h := &rehash{store: e.Store, seen: map[string]bool{}, jobs: make(chan Damage)}
	h.report.Damaged = []Damage{}
	var hashing sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		hashing.Go(func() {
			for d := range h.jobs {
				h.hash(ctx, d)
			}
		})
	}
	err := h.results(ctx, g, addresses)
	close(h.jobs)
	hashing.Wait()
	slices.SortFunc(h.report.Damaged, func(a, b Damage) int { return strings.Compare(a.String(), b.String()) })
	h.report.Blobs, h.report.Bytes = h.blobs.Load(), h.bytes.Load()
	return &h.report, withRemedy(errors.Join(err, h.err, ctx.Err()))
}

type rehash struct {
	store        *Store
	remote       bool            // the result in hand is from a remote cache: what of it is not here is no damage
	seen         map[string]bool // blobs that were looked at, or are about to be
	unlisted     bool            // something does not tell which blobs it names
	jobs         chan Damage     // if it is found to be
	blobs, bytes atomic.Int64
	mu           sync.Mutex
	report       HashReport
	err          error
}

// results hands out each blob once.
func (h *rehash) results(ctx context.Context, g *Graph, addresses []string) error {
	for _, n := range g.Nodes() {
		if ctx.Err() != nil {
			return nil
		}
		if n.Virtual() || len(addresses) > 0 && !slices.Contains(addresses, n.Address) {
			continue
		}
		r, err := h.store.LastResult(n.Address)
		if errors.Is(err, ErrNoResult) {
			h.unlisted = true
			continue
		} else if err != nil {
			return fmt.Errorf("%s: %w", n.Address, err)
		}
		h.report.Results++
		h.remote = r.Remote != ""
		if exists(h.store.blob(r.Key)) { // a power failure may take the manifest, which only explains
			h.blob(Damage{Address: n.Address, Digest: Digest(filePrefix + r.Key)})
		}
		for _, o := range r.Outputs {
			h.artifact(Damage{Address: n.Address, Output: o.Name, Digest: o.Digest})
		}
	}
	if !h.unlisted {
		return nil
	}
	return h.store.eachFile("cas/*", func(path string, _ fs.FileInfo) error {
		if hex := filepath.Base(path); ctx.Err() == nil && len(hex) == 64 {
			h.blob(Damage{Digest: Digest(filePrefix + hex)})
		}
		return nil
	})
}

// artifact hands out a file, or a folder with all that is in it. A folder's object is read here.
func (h *rehash) artifact(d Damage) {
	if !h.blob(d) || !d.Digest.IsTree() {
		return
	}
	raw, err := os.ReadFile(h.store.blob(d.Digest.Hex()))
	if err != nil || hashBytes(raw) != d.Digest.Hex() {
		h.unlisted = true
		return // whoever hashes it tells
	}
	tree, err := decodeTree(raw)
	if err != nil {
		return
	}
	for _, e := range tree {
		h.artifact(Damage{Address: d.Address, Output: d.Output, Path: filepath.Join(d.Path, e.Name), Digest: e.Digest})
	}
}

func (h *rehash) blob(d Damage) bool {
	if h.seen[d.Digest.Hex()] || h.remote && !exists(h.store.blob(d.Digest.Hex())) {
		return false
	}
	h.seen[d.Digest.Hex()] = true
	h.jobs <- d
	return true
}

// hash reads one blob.
func (h *rehash) hash(ctx context.Context, d Damage) {
	if ctx.Err() != nil {
		return
	}
	err := h.store.reread(d.Digest)
	if info, serr := os.Lstat(h.store.blob(d.Digest.Hex())); serr == nil {
		h.bytes.Add(info.Size())
	}
	h.blobs.Add(1)
	var bad *BlobError
	h.mu.Lock()
	defer h.mu.Unlock()
	if errors.As(err, &bad) {
		d.Corrupt = bad.Corrupt
		h.report.Damaged = append(h.report.Damaged, d)
	} else if err != nil {
		h.err = errors.Join(h.err, err)
	}
}

// reread makes sure that a blob is whole whatever its times say.
func (s *Store) reread(d Digest) error {
	hex, _, err := hashFile(s.blob(d.Hex()))
	switch {
	case errors.Is(err, os.ErrNotExist):
		return &BlobError{Digest: d, Corrupt: exists(filepath.Join(s.dir, "quarantine", d.Hex()))}
	case err != nil:
		return err
	case hex == d.Hex():
		return nil
	}
	if err := s.setAside(d.Hex()); err != nil {
		return err
	}
	return &BlobError{Digest: d, Corrupt: true}
}
