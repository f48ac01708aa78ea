package layer

import (
	"fmt"
	"slices"
	"sort"

	"github.com/pipe-ml/pipe/accel/rng"
)

// Weights maps parameter names to shapes and values. A declared parameter gets its initial values from (seed, name) when they are
// first asked for, so that adding a layer changes no other weight and building a network allocates nothing.
// Weights is not safe for concurrent use.
type Weights struct {
	seed    uint64
	weights map[string]*weight
}

type weight struct {
	shape         []int
	buffer        bool
	fanIn, fanOut int
	init          Init        // nil: set by the user and not declared by a network yet
	from          *derivation // nil: init gives the values
	data          []float32
}

// NewWeights returns an empty store whose initial values come from seed.
func NewWeights(seed uint64) *Weights {
	return &Weights{seed: seed, weights: map[string]*weight{}}
}

// Set stores data [shape] under name. A parameter that exists must have the same shape. data is copied.
func (w *Weights) Set(name string, shape []int, data []float32) error {
	if n := volume(shape); n != len(data) {
		return fmt.Errorf("weight %s: shape %v has %d elements, got %d", name, shape, n, len(data))
	}
	p, ok := w.weights[name]
	if !ok {
		p = &weight{shape: slices.Clone(shape)}
		w.weights[name] = p
	} else if !slices.Equal(p.shape, shape) {
		return fmt.Errorf("weight %s: shape %v, the network wants %v", name, shape, p.shape)
	}
	p.data = slices.Clone(data)
	return nil
}

// Data returns the values of a parameter, initialising them if none were set. The slice is the store's own: writing to it
// changes the weight. An unknown name gives nil.
func (w *Weights) Data(name string) []float32 {
	p, ok := w.weights[name]
	if !ok {
		return nil
	}
	if p.data == nil && p.from != nil {
		w.derive(p.from)
	}
	if p.data == nil {
		p.data = make([]float32, volume(p.shape))
		p.init(rng.New(w.seed, name), p.fanIn, p.fanOut, p.data)
	}
	return p.data
}

// Centre sets a declared parameter to the middle of the distribution that its initial values are drawn from: all 1 for Normal(1, .02).
func (w *Weights) Centre(name string) {
	p := w.weights[name]
	p.data = make([]float32, volume(p.shape))
	p.init(centre{}, p.fanIn, p.fanOut, p.data)
}

// Shape returns a parameter's shape, nil if the name is unknown. A scalar's shape is empty and not nil.
func (w *Weights) Shape(name string) []int {
	if p, ok := w.weights[name]; ok {
		return append([]int{}, p.shape...)
	}
	return nil
}

// Has tells whether name is stored or declared.
func (w *Weights) Has(name string) bool { return w.weights[name] != nil }

// Names lists all parameters and buffers, sorted.
func (w *Weights) Names() []string {
	names := make([]string, 0, len(w.weights))
	for n := range w.weights {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

// Delete forgets a parameter, so that the next network that declares it starts from initial values.
func (w *Weights) Delete(name string) { delete(w.weights, name) }

// Clone copies all values; initial values not asked for yet stay undrawn.
func (w *Weights) Clone() *Weights {
	c := NewWeights(w.seed)
	for n, p := range w.weights {
		q := *p
		q.data = slices.Clone(p.data)
		c.weights[n] = &q
	}
	return c
}

// Setter receives named parameters; program.Memory is one.
type Setter interface {
	Set(name string, shape []int, data []float32) error
}

// Upload sets every parameter and buffer in dst, in order of name.
func (w *Weights) Upload(dst Setter) error {
	for _, n := range w.Names() {
		if err := dst.Set(n, w.weights[n].shape, w.Data(n)); err != nil {
			return fmt.Errorf("upload weights: %w", err)
		}
	}
	return nil
}

// Getter gives named parameters back; program.Memory is one.
type Getter interface {
	Get(name string) ([]float32, error)
}

// Download overwrites the named parameters with src's values.
func (w *Weights) Download(src Getter, names []string) error {
	for _, n := range names {
		data, err := src.Get(n)
		if err != nil {
			return fmt.Errorf("download weights: %w", err)
		}
		if err := w.Set(n, w.Shape(n), data); err != nil {
			return err
		}
	}
	return nil
}

// declare makes name a parameter of the network being built.
func (w *Weights) declare(name string, p weight) error {
	old, ok := w.weights[name]
	if !ok {
		w.weights[name] = &p
		return nil
	}
	if !slices.Equal(old.shape, p.shape) {
		return fmt.Errorf("weight %s: the network wants shape %v, stored is %v", name, p.shape, old.shape)
	}
	p.data = old.data
	*old = p
	return nil
}

func volume(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}
