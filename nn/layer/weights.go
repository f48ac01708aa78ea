package layer

import (
	"fmt"
	"slices"
	"sort"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/rng"
)

// Weights maps parameter names to shapes and values. A declared parameter gets its initial values from (seed, name) when they are
// first asked for, so that adding a layer changes no other weight and building a network allocates nothing. Values that were
// set as a View stay where they lie, in a mapped file say, until Data asks for a copy to write to: a frozen weight that is
// only uploaded is never copied.
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
	view          View // the values while data is nil
}

// View gives the values of a parameter where they lie, or converted into scratch, which it may grow. The caller does not
// write to them, and has done with them before scratch is used again.
type View func(scratch *[]float32) []float32

// NewWeights returns an empty store whose initial values come from seed.
func NewWeights(seed uint64) *Weights {
	return &Weights{seed: seed, weights: map[string]*weight{}}
}

// Set stores data [shape] under name. A parameter that exists must have the same shape. data is copied.
func (w *Weights) Set(name string, shape []int, data []float32) error {
	if n := accel.Volume(shape); n != len(data) {
		return fmt.Errorf("weight %s: shape %v has %d elements, got %d", name, shape, n, len(data))
	}
	p, err := w.slot(name, shape)
	if err != nil {
		return err
	}
	p.data, p.view = slices.Clone(data), nil
	return nil
}

// SetView makes view the values of a parameter of that shape, of which it gives as many as that has elements. view must work
// for as long as w or a clone of it is used.
func (w *Weights) SetView(name string, shape []int, view View) error {
	p, err := w.slot(name, shape)
	if err != nil {
		return err
	}
	p.data, p.view = nil, view
	return nil
}

// slot is where the values of name go, which is made if there is none.
func (w *Weights) slot(name string, shape []int) (*weight, error) {
	p, ok := w.weights[name]
	if !ok {
		p = &weight{shape: slices.Clone(shape)}
		w.weights[name] = p
	} else if !slices.Equal(p.shape, shape) {
		return nil, fmt.Errorf("weight %s: shape %v, the network wants %v", name, shape, p.shape)
	}
	return p, nil
}

// Data returns the values of a parameter, initialising them if none were set. The slice is the store's own: writing to it
// changes the weight. An unknown name gives nil.
func (w *Weights) Data(name string) []float32 {
	p, ok := w.weights[name]
	if !ok {
		return nil
	}
	if p.data == nil && p.view == nil && p.from != nil {
		w.derive(p.from)
	}
	if p.data == nil {
		p.data = make([]float32, accel.Volume(p.shape))
		if p.view != nil {
			copy(p.data, p.view(new([]float32)))
			p.view = nil
		} else {
			p.init(rng.New(w.seed, name), p.fanIn, p.fanOut, p.data)
		}
	}
	return p.data
}

// Read returns the values of a parameter for reading only: those of a View where they lie, or converted, without a copy in the store.
// An unknown name gives nil.
func (w *Weights) Read(name string) []float32 {
	if p := w.weights[name]; p != nil && p.view != nil {
		return p.view(new([]float32))
	}
	return w.Data(name)
}

// Centre sets a declared parameter to the middle of the distribution that its initial values are drawn from: all 1 for Normal(1, .02). A parameter
// that is unknown, only stored, or derived from others has no such distribution, which is an error.
func (w *Weights) Centre(name string) error {
	p, ok := w.weights[name]
	if !ok || p.init == nil {
		return fmt.Errorf("centre weight %s: no network draws its initial values", name)
	}
	p.data, p.view = make([]float32, accel.Volume(p.shape)), nil
	p.init(centre{}, p.fanIn, p.fanOut, p.data)
	return nil
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

// Clone copies all values; initial values not asked for yet stay undrawn, and views stay views.
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
func (w *Weights) Upload(dst Setter) error { return w.UploadNamed(dst, w.Names()) }

// UploadNamed sets the named parameters in dst, which must not keep the values it is given. Views are not copied here.
func (w *Weights) UploadNamed(dst Setter, names []string) error {
	return w.each(names, func(n string, shape []int, values []float32, _ bool) error { return dst.Set(n, shape, values) })
}

// Sharer is a Setter that can also keep values where they lie; program.Memory is one.
type Sharer interface {
	Setter
	Share(name string, shape []int, data []float32) error
}

// ShareNamed lets dst keep the values of the named parameters, which nobody may write to from then on; a view that is converted is set as a copy.
func (w *Weights) ShareNamed(dst Sharer, names []string) error {
	return w.each(names, func(n string, shape []int, values []float32, lasting bool) error {
		if lasting {
			return dst.Share(n, shape, values)
		}
		return dst.Set(n, shape, values)
	})
}

// each calls f with the values of the named parameters; they last, or are gone with the next call.
func (w *Weights) each(names []string, f func(name string, shape []int, values []float32, lasting bool) error) error {
	var scratch []float32
	for _, n := range names {
		p, ok := w.weights[n]
		if !ok {
			return fmt.Errorf("upload weights: no parameter %s", n)
		}
		values, lasting := []float32(nil), true
		if p.view == nil {
			values = w.Data(n)
		} else {
			values = p.view(&scratch)
			lasting = len(values) == 0 || len(scratch) == 0 || &values[0] != &scratch[0]
		}
		if err := f(n, p.shape, values, lasting); err != nil {
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
	p.data, p.view = old.data, old.view
	*old = p
	return nil
}
