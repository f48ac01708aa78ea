package dag

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// RunDiff is what differs between two runs.
type RunDiff struct {
	Old, New  string           // names of the runs
	Same      int              // instances with the same key in both
	Unasked   int              // instances of the older run that the newer one, of targets only, was not to reach
	Instances []InstanceChange // sorted by address
}

// InstanceChange is an instance that is not the same in two runs.
type InstanceChange struct {
	Address string         `json:"address"`
	OldKey  string         `json:"old_key,omitempty"` // "": it had no result in that run
	NewKey  string         `json:"new_key,omitempty"`
	Failed  bool           `json:"failed,omitempty"` // in the newer run
	Mended  bool           `json:"mended,omitempty"` // failed in the older run, and not in the newer
	Gone    []string       `json:"gone,omitempty"`   // records that were removed, so that they cannot be compared
	Changes []Change       `json:"changes,omitempty"`
	Metrics []MetricChange `json:"metrics,omitempty"` // those that differ
	Outputs []OutputChange `json:"outputs,omitempty"` // likewise
}

// MetricChange is a metric with two values; nil where there was none.
type MetricChange struct {
	Name string   `json:"name"`
	Old  *float64 `json:"old"`
	New  *float64 `json:"new"`
}

// OutputChange is an output with two digests; "" where there was none.
type OutputChange struct {
	Name string `json:"name"`
	Old  Digest `json:"old,omitempty"`
	New  Digest `json:"new,omitempty"`
}

// latestRun names the newest run; latest~1 is the one before it.
const latestRun = "latest"

// FindRun gives the name of the run that text means: a name, the beginning of one, latest, or latest~N.
func (s *Store) FindRun(text string) (string, error) {
	ids, err := s.RunIDs()
	if err != nil {
		return "", err
	}
	if rest, ok := strings.CutPrefix(text, latestRun); ok {
		back, err := 0, error(nil)
		if rest != "" {
			back, err = strconv.Atoi(strings.TrimPrefix(rest, "~"))
		}
		switch {
		case err != nil || back < 0 || rest != "" && rest[0] != '~':
			return "", fmt.Errorf("run %q: write %s~1 for the run before the last", text, latestRun)
		case back >= len(ids):
			return "", fmt.Errorf("run %q: the store has only %d", text, len(ids))
		}
		return ids[back], nil
	}
	var found []string
	for _, id := range ids {
		if id == text {
			return id, nil
		}
		if strings.HasPrefix(id, text) {
			found = append(found, id)
		}
	}
	switch len(found) {
	case 0:
		return "", fmt.Errorf("there is no run %s; pipe runs lists them", text)
	case 1:
		return found[0], nil
	}
	return "", fmt.Errorf("run %s means %d runs: %s", text, len(found), list(found, 3))
}

// RunIDs are the names of all runs, newest first.
func (s *Store) RunIDs() ([]string, error) {
	files, err := os.ReadDir(filepath.Join(s.dir, "runs"))
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, f := range files {
		if id, ok := strings.CutSuffix(f.Name(), ".jsonl"); ok {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids) // not the files: with its extension, a name sorts behind the next one of the same millisecond
	slices.Reverse(ids)
	return ids, nil
}

// DiffRuns compares what two runs ran or found, by the names of their journals.
func (s *Store) DiffRuns(old, now string) (*RunDiff, error) {
	was, err := s.ran(old)
	if err != nil {
		return nil, err
	}
	is, err := s.ran(now)
	if err != nil {
		return nil, err
	}
	d := &RunDiff{Old: old, New: now}
	for address := range is.failed {
		if !was.failed[address] {
			is.keys[address] = "" // it has no result, and is to be told of
		}
	}
	for _, address := range bothKeys(was.keys, is.keys) {
		c := InstanceChange{Address: address, OldKey: was.keys[address], NewKey: is.keys[address], Failed: is.failed[address]}
		switch {
		case c.OldKey == c.NewKey && !c.Failed:
			d.Same++
			continue
		case is.part && c.NewKey == "" && !is.touched[address]:
			d.Unasked++
			continue
		}
		c.Mended = was.failed[address] && c.NewKey != ""
		if c.OldKey != "" && c.NewKey != "" {
			if err := s.compareResults(&c); err != nil {
				return nil, fmt.Errorf("%s: %w", address, err)
			}
		}
		d.Instances = append(d.Instances, c)
	}
	return d, nil
}

// ranIn is what a journal tells of a run's instances.
type ranIn struct {
	keys    map[string]string // of the results that it made or found
	failed  map[string]bool
	touched map[string]bool // those that it has an event of
	part    bool            // it was of targets only
}

// ran reads the journal of a run.
func (s *Store) ran(id string) (*ranIn, error) {
	entries, err := s.Journal(id)
	if err != nil {
		return nil, err
	}
	o := &ranIn{keys: map[string]string{}, failed: map[string]bool{}, touched: map[string]bool{}}
	for _, e := range entries {
		o.touched[e.Address] = true
		switch {
		case e.Type == lineRun:
			o.part = e.Part
		case e.Type == lineCached:
			for address, key := range e.Keys {
				o.keys[address] = key
			}
		case e.Type == EventComplete:
			o.keys[e.Address] = e.Key
		case e.Type == EventFailed && !e.Retry:
			o.failed[e.Address] = true
		}
	}
	return o, nil
}

// compareResults fills in what differs between two results of one address, as far as their records are there.
func (s *Store) compareResults(c *InstanceChange) error {
	old, err := s.step(c.OldKey)
	if err != nil {
		return err
	}
	now, err := s.step(c.NewKey)
	if err != nil {
		return err
	}
	for _, side := range []struct {
		name string
		step Step
	}{{"old", old}, {"new", now}} {
		if side.step.Manifest == nil {
			c.Gone = append(c.Gone, side.name+" manifest")
		}
		if side.step.Result == nil {
			c.Gone = append(c.Gone, side.name+" result")
		}
	}
	if old.Manifest != nil && now.Manifest != nil {
		n := &Node{Secret: slices.Concat(old.secret(), now.secret())}
		c.Changes = compareManifests(old.Manifest, now.Manifest, n, s.recordedInputs(old, now))
	}
	if old.Result != nil && now.Result != nil {
		c.Metrics = compareMetrics(old.Result.Metrics, now.Result.Metrics)
		c.Outputs = differingOutputs(old.Result, now.Result)
	}
	return nil
}

// recordedInputs lists the inputs that differ between two results.
func (s *Store) recordedInputs(old, now Step) []Change {
	was, is := map[string]ManifestInput{}, map[string]ManifestInput{}
	for _, in := range old.Manifest.Inputs {
		was[in.Name] = in
	}
	for _, in := range now.Manifest.Inputs {
		is[in.Name] = in
	}
	var out []Change
	for _, name := range bothKeys(was, is) {
		o, w := was[name], is[name]
		if o == w {
			continue
		}
		c := Change{Kind: ChangeInput, Name: name, Old: o.Digest.Short(), New: w.Digest.Short(), old: o.Digest, new: w.Digest}
		if o.Digest == w.Digest {
			c.Old, c.New = o.As, w.As
		}
		if now.Result != nil {
			c.Upstream, c.path = s.origin(now.Result, name)
		}
		if o.Digest != w.Digest && o.Digest.IsTree() && w.Digest.IsTree() {
			d := treeDiff{tree: s.tree}
			d.walk("", o.Digest, w.Digest)
			c.Files = d.out
		}
		out = append(out, c)
	}
	return out
}

// origin names what made an input of a result, or where it lay outside the store.
func (s *Store) origin(r *Result, input string) (address, path string) {
	i := slices.IndexFunc(r.From, func(o Origin) bool { return o.Input == input })
	if i < 0 || len(r.From[i].Keys) == 0 {
		if i >= 0 {
			path = r.From[i].Path
		}
		return "", path
	}
	maker, err := s.Result(r.From[i].Keys[0])
	if err != nil {
		return "", "" // its record is gone: the digests tell the difference without its name
	}
	if more := len(r.From[i].Keys) - 1; more > 0 {
		return fmt.Sprintf("%s or one of %d more", maker.Address, more), ""
	}
	return maker.Address, ""
}

func compareMetrics(old, now map[string]float64) []MetricChange {
	var out []MetricChange
	for _, name := range bothKeys(old, now) {
		o, was := old[name]
		n, is := now[name]
		if was && is && o == n {
			continue
		}
		c := MetricChange{Name: name}
		if was {
			c.Old = &o
		}
		if is {
			c.New = &n
		}
		out = append(out, c)
	}
	return out
}

func differingOutputs(old, now *Result) []OutputChange {
	was, is := map[string]Digest{}, map[string]Digest{}
	for _, o := range old.Outputs {
		was[o.Name] = o.Digest
	}
	for _, o := range now.Outputs {
		is[o.Name] = o.Digest
	}
	var out []OutputChange
	for _, name := range bothKeys(was, is) {
		if was[name] != is[name] {
			out = append(out, OutputChange{name, was[name], is[name]})
		}
	}
	return out
}
