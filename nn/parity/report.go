package main

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Finding is one comparison.
type Finding struct {
	What         string // "tap.NAME", "loss", "grad.NAME", "sketch.NAME", "step.loss" or "step.NAME"
	Error        float64
	Index        int // of the worst element
	Ours, Theirs float32
}

func (f Finding) String() string {
	return fmt.Sprintf("%s is off by %.2g: element %d is %v, the reference has %v", f.What, f.Error, f.Index, f.Ours, f.Theirs)
}

// Report is what came of a case, in the order of the computation.
type Report struct {
	Case     *Case
	Findings []Finding

	largest   float64   // element of a gradient, or norm of one
	vanishing []Finding // whose Error is absolute still
}

// Worst is the largest error of the findings whose names begin with one of the prefixes.
func (r Report) Worst(prefixes ...string) (worst Finding) {
	for _, f := range r.Findings {
		if slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(f.What, p) }) && !(f.Error < worst.Error) {
			worst = f
		}
	}
	return worst
}

// stepFactor is by how much more than others what AdamW changed may be off. A gradient that should be 0 (of a key's bias) has the rounding
// error of the terms that cancel, 1e-8 of them, and AdamW divides it by eps = 1e-4.
const stepFactor = 10

// Check is an error that tells of the first comparison out of bound, nil if there is none. Taps come in the order of the
// computation, so that the first is where the mistake is; gradients follow.
func (r Report) Check(bound float64) error {
	for _, f := range r.Findings {
		bound := bound
		if strings.HasPrefix(f.What, "step.") {
			bound *= stepFactor
		}
		if !(f.Error <= bound) {
			return fmt.Errorf("%s: %v (bound %.2g)", r.Case, f, bound)
		}
	}
	return nil
}

// difference is the largest difference of two tensors, where it is, and the largest element of theirs.
func difference(what string, ours, theirs []float32) (f Finding, scale float64, err error) {
	if len(ours) != len(theirs) {
		return f, 0, fmt.Errorf("%s: we have %d values, the reference has %d", what, len(ours), len(theirs))
	}
	f.What, f.Error = what, -1
	for i, b := range theirs {
		a := ours[i]
		scale = math.Max(scale, math.Abs(float64(b)))
		if d := math.Abs(float64(a) - float64(b)); !(d <= f.Error) {
			f.Error, f.Index, f.Ours, f.Theirs = d, i, a, b
		}
	}
	return f, scale, nil
}

// compare adds the comparison of a whole tensor.
func (r *Report) compare(what string, ours func() ([]float32, error)) error {
	f, scale, err := r.against(what, ours)
	if err != nil {
		return err
	}
	f.Error /= scale
	r.Findings = append(r.Findings, f)
	return nil
}

// gradient adds that of a gradient, whole or in a sketch.
func (r *Report) gradient(name string, ours func() ([]float32, error)) error {
	what := "grad." + name
	if slices.Contains(r.Case.names("sketch."), name) {
		what = "sketch." + name
		whole := ours
		ours = func() ([]float32, error) {
			v, err := whole()
			return sketch(r.Case.Seed, name, v), err
		}
	}
	f, scale, err := r.against(what, ours)
	if err != nil {
		return err
	}
	if r.Case.vanishes(name) {
		r.vanishing = append(r.vanishing, f)
		return nil
	}
	r.largest = math.Max(r.largest, scale)
	f.Error /= scale
	r.Findings = append(r.Findings, f)
	return nil
}

// change adds that of a parameter's change by the optimiser, in a sketch. It is measured by what AdamW changes at most, a rate an element and step: the
// change of a parameter whose gradient is next to nothing drowns in the rounding of the parameter. What AdamW makes of a gradient that vanishes is
// rounding, which it divides by itself.
func (r *Report) change(name string, before []float32, after func() ([]float32, error)) error {
	if r.Case.vanishes(name) {
		return nil
	}
	f, _, err := r.against("step."+name, func() ([]float32, error) {
		v, err := after()
		d := make([]float32, len(v))
		for i := range v {
			d[i] = v[i] - before[i]
		}
		return sketch(r.Case.Seed, name, d), err
	})
	if err != nil {
		return err
	}
	f.Error /= steps * learningRate * math.Sqrt(float64(len(before)))
	r.Findings = append(r.Findings, f)
	return nil
}

func (r *Report) against(what string, ours func() ([]float32, error)) (Finding, float64, error) {
	a, err := ours()
	if err != nil {
		return Finding{}, 0, err
	}
	b, err := r.Case.values(what)
	if err != nil {
		return Finding{}, 0, err
	}
	return difference(what, a, b)
}

var errFrozen = errors.New("the reference has gradients that we lack")

// complete compares the gradients that vanish, and checks that the reference has no other gradients than ours.
func (r *Report) complete(names []string) error {
	for _, f := range r.vanishing {
		f.Error /= r.largest
		r.Findings = append(r.Findings, f)
	}
	var extra []string
	for _, n := range append(r.Case.names("grad."), r.Case.names("sketch.")...) {
		if !slices.Contains(names, n) {
			extra = append(extra, n)
		}
	}
	if len(extra) > 0 {
		return fmt.Errorf("%w: %s", errFrozen, strings.Join(extra, ", "))
	}
	return nil
}
