package train

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/nn/checkpoint"
)

// Keep is where a run leaves its state between steps, so that the same run, when it was killed, goes on from there: n steps give
// the bits of k and then n-k. The clock decides when the state is kept, never what it is. The zero value keeps nothing.
type Keep struct {
	Path  string        // of the file; its folder is made
	Every time.Duration // the least time between two states; 0: each step
	Log   func(format string, args ...any)
}

// keeper is a Keep at work.
type keeper struct {
	Keep
	next time.Time // not before
}

func (k Keep) open() *keeper { return &keeper{Keep: k, next: time.Now().Add(k.Every)} }

// share is the part of the time that keeping states may take, unless each is asked for.
const share = 1.0 / 20

// stateFormat is raised when what is in the file changes its meaning.
const stateFormat = "1"

// The parts of the file, by the beginning of a tensor's name.
const (
	nowPart  = "now/"
	bestPart = "best/"
)

// save keeps the state if it is time. A state that cannot be kept costs a killed run time, and is no reason to end this one.
func (k *keeper) save(n *Network, at *course) {
	began := time.Now()
	if k.Path == "" || began.Before(k.next) {
		return
	}
	if err := k.write(n, at); err != nil {
		k.Log("the state after step %d could not be kept: %v", at.Steps, err)
	}
	if k.Every > 0 {
		k.next = time.Now().Add(max(k.Every, time.Duration(float64(time.Since(began))/share)))
	}
}

// write writes the file.
func (k *keeper) write(n *Network, at *course) error {
	tensors := map[string]checkpoint.Tensor{}
	for name, t := range n.places() {
		data, err := read(n.mem, t)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		tensors[nowPart+name] = checkpoint.FromFloat32(t.Shape, data)
	}
	for name, data := range at.best {
		tensors[bestPart+name] = checkpoint.FromFloat32([]int{len(data)}, data)
	}
	course, err := json.Marshal(at)
	if err != nil {
		return err
	}
	metadata := map[string]string{"format": stateFormat, "course": string(course), "best": strconv.FormatFloat(at.Best, 'g', -1, 64)}
	if err := os.MkdirAll(filepath.Dir(k.Path), 0o777); err != nil {
		return err
	}
	return checkpoint.Write(k.Path, tensors, metadata)
}

// resume puts the network and the course where the file left them. Without a file, or with one that does not fit, they stay
// where they are.
func (k *keeper) resume(n *Network, at *course) error {
	if k.Path == "" {
		return nil
	}
	saved, now, err := k.load(n)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		k.Log("an earlier run left a state that cannot be gone on from, so training begins anew: %v", err)
		return nil
	}
	for name, t := range n.places() {
		if err := n.mem.Device().CopyIn(n.mem.Stream(), t, now[name]); err != nil {
			return fmt.Errorf("resuming: %s: %w", name, err)
		}
	}
	n.opt.Resume(saved.Steps)
	*at = saved
	k.Log("an earlier run was killed after step %d: going on from there", at.Steps)
	return nil
}

// load reads the file and checks it against the network.
func (k *keeper) load(n *Network) (at course, now map[string][]float32, err error) {
	tensors, metadata, err := checkpoint.Read(k.Path)
	if err != nil {
		return at, nil, err
	}
	if f := metadata["format"]; f != stateFormat {
		return at, nil, fmt.Errorf("its format is %q, not %q", f, stateFormat)
	}
	if err := json.Unmarshal([]byte(metadata["course"]), &at); err != nil {
		return at, nil, err
	}
	if at.Best, err = strconv.ParseFloat(metadata["best"], 64); err != nil {
		return at, nil, err
	}
	now = map[string][]float32{}
	for name, t := range tensors {
		data, err := t.Float32()
		if err != nil {
			return at, nil, fmt.Errorf("%s: %w", name, err)
		}
		if best, ok := strings.CutPrefix(name, bestPart); ok {
			if at.best == nil {
				at.best = map[string][]float32{}
			}
			at.best[best] = data
		} else {
			now[strings.TrimPrefix(name, nowPart)] = data
		}
	}
	places := n.places()
	for _, name := range slices.Sorted(maps.Keys(places)) {
		if len(now[name]) != places[name].Len() {
			return at, nil, fmt.Errorf("%s has %d values, the network %d", name, len(now[name]), places[name].Len())
		}
	}
	for _, name := range n.State() {
		if t, err := n.mem.Tensor(name); err != nil || at.best != nil && len(at.best[name]) != t.Len() {
			return at, nil, errors.Join(err, fmt.Errorf("the best state has %d values of %s", len(at.best[name]), name))
		}
	}
	return at, now, nil
}

// places is all that the steps to come depend on, by name: the state, its average and the optimiser's moments.
func (n *Network) places() map[string]accel.Tensor {
	all := n.opt.State()
	for i, name := range n.State() {
		if t, err := n.mem.Tensor(name); err == nil { // compiled, so it is there
			all["state/"+name] = t
		}
		if n.average != nil {
			all["average/"+name] = n.average.values[i]
		}
	}
	return all
}
