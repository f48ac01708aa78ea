package main

import (
	"context"
	"errors"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/cpu"
	"github.com/pipe-ml/pipe/nn/layer"
)

// mutant is a mistake that a port could make. Each must be seen by a fixture.
type mutant struct {
	name   string
	attrs  func(attrs any) any                    // of a kernel
	swap   map[string]string                      // one kernel for another, whose attributes attrs gives
	weight func(name string, v []float32)         // changes a parameter's values
	edit   func(c *Case)                          // changes what the case asks for
	method func(e layer.Edit) layer.Edit          // changes an edit of a method
	of     string                                 // the method, or case, whose fixtures alone must see it; empty: any
	zero   string                                 // a kernel whose output is 0
	inputs func(kernel string, in []accel.Tensor) // changes a copy of what a kernel reads
}

// mutantDevice launches other kernels, or with other attributes.
type mutantDevice struct {
	accel.Device
	m mutant
}

func (d mutantDevice) Launch(s accel.Stream, k accel.Kernel, attrs any, out, in []accel.Tensor) error {
	if d.m.attrs != nil {
		attrs = d.m.attrs(attrs)
	}
	if name, ok := d.m.swap[strings.TrimSuffix(k.Name(), ".dx")]; ok {
		var err error
		if k, err = d.Kernel(name + k.Name()[len(strings.TrimSuffix(k.Name(), ".dx")):]); err != nil {
			return err
		}
	}
	if d.m.inputs != nil {
		in = slices.Clone(in)
		d.m.inputs(k.Name(), in)
	}
	if err := d.Device.Launch(s, k, attrs, out, in); err != nil || k.Name() != d.m.zero {
		return err
	}
	for _, t := range out {
		if err := d.CopyIn(s, t, make([]float32, t.Len())); err != nil {
			return err
		}
	}
	return nil
}

// change makes a mutation of attributes of type A.
func change[A any](f func(a *A)) func(any) any {
	return func(attrs any) any {
		if a, ok := attrs.(A); ok {
			f(&a)
			return a
		}
		return attrs
	}
}

// into replaces attributes of type A by those of another kernel.
func into[A any](to any) func(any) any {
	return func(attrs any) any {
		if _, ok := attrs.(A); ok {
			return to
		}
		return attrs
	}
}

// exchange swaps the thirds i and k of parameters whose names end in one of the suffixes: the q, k and v of a fused projection.
func exchange(i, k int, suffixes ...string) func(string, []float32) {
	return func(name string, v []float32) {
		if slices.ContainsFunc(suffixes, func(s string) bool { return strings.HasSuffix(name, s) }) {
			n := len(v) / 3
			for j := range n {
				v[i*n+j], v[k*n+j] = v[k*n+j], v[i*n+j]
			}
		}
	}
}

// projection gives square projections of one name the weights of another: q, k and v read in another order.
func projection(is, becomes string) func(string, []float32) {
	return func(name string, v []float32) {
		if d := int(math.Sqrt(float64(len(v)))); strings.HasSuffix(name, is+".weight") && d*d == len(v) {
			copy(v, values(1, strings.Replace(name, is, becomes, 1), []int{d, d}))
		}
	}
}

// option replaces an option of a method that a case sets to something else.
func option(name string, v any) func(c *Case) {
	return func(c *Case) {
		if _, ok := c.Options[name]; ok {
			c.Options = maps.Clone(c.Options)
			c.Options[name] = v
		}
	}
}

func TestEveryMutantIsCaughtByAFixture(t *testing.T) {
	dev := cpu.New(1)
	defer dev.Close()
	all := fixtures(t)
	for _, m := range slices.Concat(mutants, methodMutants) {
		t.Run(m.name, func(t *testing.T) {
			for _, c := range all {
				if m.of != "" && c.Method != m.of && c.Name != m.of {
					continue
				}
				caught, err := m.caught(t.Context(), dev, c)
				if err != nil {
					t.Fatal(err)
				}
				if caught != nil {
					t.Log(caught)
					return
				}
			}
			t.Errorf("none of %d fixtures sees it", len(all))
		})
	}
}

// caught is how the case differs under the mutant, nil if it does not.
func (m mutant) caught(ctx context.Context, dev accel.Device, c *Case) (caught, err error) {
	changed := *c
	if m.edit != nil {
		m.edit(&changed)
	}
	rep, err := Runner{Device: mutantDevice{dev, m}, Weight: m.weight, Edit: m.method}.Run(ctx, &changed)
	if caught := rep.Check(fixtureBound); caught != nil {
		return caught, nil
	}
	if errors.Is(err, errFrozen) {
		return err, nil
	}
	return nil, err
}

var gradient = regexp.MustCompile(`\.(d[a-z]+|grad)$`)

// TestAGradientOfZeroIsCaught: of every kernel that a gradient launches.
func TestAGradientOfZeroIsCaught(t *testing.T) {
	dev := cpu.New(1)
	defer dev.Close()
	launched := map[string][]*Case{} // the cases that launch it
	for _, c := range fixtures(t) {
		seen := map[string]bool{}
		if _, err := (Runner{Device: listener{dev, seen}}).Run(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		for k := range seen {
			launched[k] = append(launched[k], c)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(launched)) {
		if !gradient.MatchString(k) {
			continue
		}
		c := launched[k][0]
		caught, err := mutant{zero: k}.caught(t.Context(), dev, c)
		t.Log(k, caught)
		if caught == nil || err != nil {
			t.Errorf("%s: nothing seen by %s, %v", k, c, err)
		}
	}
}

// listener notes what is launched.
type listener struct {
	accel.Device
	seen map[string]bool
}

func (l listener) Launch(s accel.Stream, k accel.Kernel, attrs any, out, in []accel.Tensor) error {
	l.seen[k.Name()] = true
	return l.Device.Launch(s, k, attrs, out, in)
}

func TestEditsLeftAloneAreNoMutant(t *testing.T) {
	dev := cpu.New(1)
	defer dev.Close()
	for _, c := range fixtures(t) {
		rep, err := Runner{Device: dev, Edit: func(e layer.Edit) layer.Edit { return e }}.Run(t.Context(), c)
		if err == nil {
			err = rep.Check(fixtureBound)
		}
		if err != nil {
			t.Error(err)
		}
	}
}
