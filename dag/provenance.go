package dag

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Provenance is what a file or folder goes back to.
type Provenance struct {
	Path   string   `json:"path"`
	Digest Digest   `json:"digest"`
	Key    string   `json:"key"`              // of the result that made it
	Output string   `json:"output"`           // of that result
	Within string   `json:"within,omitempty"` // where in the output it is, if that is a folder that holds it
	Also   []string `json:"also,omitempty"`   // other instances that made the same bytes
	Steps  []Step   `json:"-"`                // all results behind it, the nearest first, each once
}

// Step is one result of a provenance.
type Step struct {
	Key      string    `json:"key"`
	Result   *Result   `json:"result"`   // nil: its record is gone, and what is behind it cannot be told
	Manifest *Manifest `json:"manifest"` // nil: likewise
	// Members are the axes of what a gathered input gathers, in the order of its origin's keys.
	Members map[string][]ManifestMember `json:"members,omitempty"`
}

// UnknownContentError says that no result of the store made some content.
type UnknownContentError struct {
	Path    string
	Digest  Digest
	Changed bool // what this store published there was something else
}

func (e *UnknownContentError) Error() string {
	if e.Changed {
		return fmt.Sprintf("%s was changed after it was published: no result in the store holds %s", e.Path, e.Digest.Short())
	}
	return fmt.Sprintf("no result in the store holds the bytes of %s (%s): it was changed, made from another store (-cache), or its record was removed",
		e.Path, e.Digest.Short())
}

// Provenance finds the result that made the file or folder at path, wherever it lies by now, and all behind it. If
// several made the same bytes it takes the one that is the last of its address, then the newest.
func (s *Store) Provenance(path string) (*Provenance, error) {
	d, err := s.files.digest(path)
	if err != nil {
		return nil, err
	}
	makers, err := s.makers(d)
	if err != nil {
		return nil, err
	}
	if len(makers) == 0 {
		full, err := filepath.Abs(path)
		if err != nil {
			return nil, err
		}
		known, err := s.published(full)
		if err != nil {
			return nil, err
		}
		return nil, &UnknownContentError{path, d, len(known) > 0}
	}
	m := makers[0]
	p := &Provenance{Path: path, Digest: d, Key: m.result.Key, Output: m.output, Within: m.within}
	for _, other := range makers[1:] {
		if a := other.result.Address; a != m.result.Address && !slices.Contains(p.Also, a) {
			p.Also = append(p.Also, a)
		}
	}
	p.Steps, err = s.steps(m.result.Key)
	return p, err
}

// maker is a result that made some content.
type maker struct {
	result *Result
	output string
	within string
}

// makers are the results with d as an output, or, if there are none, with d inside of one; the best first.
func (s *Store) makers(d Digest) ([]maker, error) {
	results, err := s.results()
	if err != nil {
		return nil, err
	}
	history, err := s.history()
	if err != nil {
		return nil, err
	}
	slices.SortFunc(results, func(a, b *Result) int {
		last := func(r *Result) int {
			if history[r.Address].Key == r.Key {
				return 0
			}
			return 1
		}
		return cmp.Or(cmp.Compare(last(a), last(b)), b.Started.Compare(a.Started), strings.Compare(a.Key, b.Key))
	})
	var found []maker
	for _, r := range results {
		for _, o := range r.Outputs {
			if o.Digest == d {
				found = append(found, maker{r, o.Name, ""})
			}
		}
	}
	if len(found) > 0 {
		return found, nil
	}
	inside := map[Digest]string{}
	for _, r := range results {
		for _, o := range r.Outputs {
			if within := s.within(o.Digest, d, inside); within != "" {
				found = append(found, maker{r, o.Name, within})
			}
		}
	}
	return found, nil
}

// within is where in a folder d lies, or "". A folder whose blobs are gone holds nothing.
func (s *Store) within(folder, d Digest, known map[Digest]string) string {
	if !folder.IsTree() {
		return ""
	}
	if path, ok := known[folder]; ok {
		return path
	}
	known[folder] = ""
	tree, err := s.tree(folder)
	if err != nil {
		return ""
	}
	for _, e := range tree {
		if e.Digest == d {
			known[folder] = e.Name
			break
		}
		if path := s.within(e.Digest, d, known); path != "" {
			known[folder] = e.Name + "/" + path
			break
		}
	}
	return known[folder]
}

// results reads all records that read.
func (s *Store) results() ([]*Result, error) {
	list, err := os.ReadDir(filepath.Join(s.dir, "actions"))
	if err != nil {
		return nil, err
	}
	var results []*Result
	for _, d := range list {
		key, ok := strings.CutSuffix(d.Name(), ".json")
		if !ok {
			continue
		}
		r, err := s.Result(key)
		switch {
		case errors.Is(err, ErrNoResult):
		case err != nil:
			return nil, err
		default:
			results = append(results, r)
		}
	}
	return results, nil
}

// steps follows the origins of a result, each result once.
func (s *Store) steps(key string) ([]Step, error) {
	var steps []Step
	seen := map[string]bool{key: true}
	for next := []string{key}; len(next) > 0; next = next[1:] {
		step, err := s.step(next[0])
		if err != nil {
			return nil, err
		}
		if step.Manifest != nil {
			step.Manifest = step.Manifest.Hidden(step.secret())
		}
		steps = append(steps, step)
		if step.Result == nil {
			continue
		}
		for _, from := range step.Result.From {
			for _, k := range from.Keys {
				if !seen[k] {
					seen[k] = true
					next = append(next, k)
				}
			}
		}
	}
	return steps, nil
}

// secret are the parts of the manifest that must not be shown: any may be one if the record that tells is gone.
func (s Step) secret() []string {
	if s.Result != nil {
		return s.Result.Secret
	}
	return append(slices.Collect(maps.Keys(s.Manifest.Config)), "salt", "probe")
}

func (s *Store) step(key string) (Step, error) {
	step := Step{Key: key}
	var err error
	if step.Result, err = s.Result(key); err != nil && !errors.Is(err, ErrNoResult) {
		return step, err
	}
	var gone *BlobError
	if step.Manifest, err = s.Manifest(key); errors.As(err, &gone) {
		return step, nil
	} else if err != nil {
		return step, err
	}
	for _, in := range step.Manifest.Inputs {
		if !in.Group {
			continue
		}
		members, err := s.members(in.Digest)
		if errors.As(err, &gone) {
			continue
		} else if err != nil {
			return step, err
		}
		if step.Members == nil {
			step.Members = map[string][]ManifestMember{}
		}
		step.Members[in.Name] = members
	}
	return step, nil
}

// members reads the list of what a group gathered.
func (s *Store) members(d Digest) ([]ManifestMember, error) {
	raw, err := s.read(d.Hex())
	if err != nil {
		return nil, err
	}
	var members []ManifestMember
	if err := json.Unmarshal(raw, &members); err != nil {
		return nil, fmt.Errorf("reading what was gathered: %w", err)
	}
	return members, nil
}
