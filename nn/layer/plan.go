package layer

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Statistics says what batch norms do with their running statistics while training.
type Statistics int

const (
	// UpdateStatistics normalises by the batch and updates the running statistics, where gain or bias train.
	UpdateStatistics Statistics = iota
	// FrozenStatistics normalises by the running statistics, in training as in evaluation.
	FrozenStatistics
)

// Plan is a set of edits of one network. It does not change once made, and may serve several builds.
type Plan struct {
	edits  []Edit
	bySite map[string][]Edit
	train  map[string]bool
	frozen bool
	all    bool // no edits, everything trains: what a builder takes for no plan, and NewPlan never makes
}

// NewPlan checks the edits against the sites that a first build recorded: each must find its site, of a kind it can
// act on. All faults are reported in one error.
func NewPlan(sites Sites, edits []Edit, s Statistics) (*Plan, error) {
	p := &Plan{edits: slices.Clone(edits), bySite: map[string][]Edit{}, train: map[string]bool{}, frozen: s == FrozenStatistics}
	for _, e := range edits {
		if t, ok := e.(Train); ok {
			p.train[t.Param] = true
			continue
		}
		p.bySite[e.At()] = append(p.bySite[e.At()], e)
	}
	if err := p.unmet(sites); err != nil {
		return nil, err
	}
	var errs []error
	for _, s := range sites.Sites {
		errs = append(errs, p.check(s)...)
	}
	return p, errors.Join(errs...)
}

// With is the plan of a network of two parts, of which p and q are the plans.
func (p *Plan) With(q *Plan) *Plan {
	out := *p
	out.edits, out.bySite, out.train = slices.Concat(p.edits, q.edits), maps.Clone(p.bySite), maps.Clone(p.train)
	maps.Copy(out.bySite, q.bySite)
	maps.Copy(out.train, q.train)
	return &out
}

// Of is the plan of a part of the network, to which the sites and parameters belong for which in is true; that of nil is nil.
func (p *Plan) Of(in func(name string) bool) *Plan {
	if p == nil {
		return nil
	}
	out := *p // whose maps hold more names, for which nobody asks
	out.edits = slices.DeleteFunc(slices.Clone(p.edits), func(e Edit) bool { return !in(e.At()) })
	return &out
}

// Updates tells whether the network's batch norm at path normalises by the batch and updates its running statistics: unless the
// plan freezes them all, one does whose gain or bias trains. One that a mask leaves out stays as it is.
func (p *Plan) Updates(norm string) bool {
	return p.all || !p.frozen && (p.train[norm+".weight"] || p.train[norm+".bias"])
}

// trains tells whether the plan trains a parameter.
func (p *Plan) trains(q Param) bool {
	return !q.Buffer && (p.all || q.Added || p.train[q.Name])
}

// unmet is an error that lists the edits for which the network has no site or parameter.
func (p *Plan) unmet(s Sites) error {
	have := map[string]bool{}
	for _, x := range s.Sites {
		have[x.Path] = true
	}
	params := map[string]bool{}
	for _, x := range s.Params {
		params[x.Name] = !x.Buffer
	}
	var missing []string
	for _, e := range p.edits {
		_, train := e.(Train)
		if train && !params[e.At()] || !train && !have[e.At()] {
			missing = append(missing, fmt.Sprintf("%s (%T)", e.At(), e))
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("edits that find nothing in the network: %s", strings.Join(missing, ", "))
	}
	return nil
}

// changes counts the edits of the weight at path that reach into the slice.
func (p *Plan) changes(path, slice string) (n int) {
	meets := func(other string) bool { return other == slice || other == "" || slice == "" }
	for _, e := range p.bySite[path] {
		switch e := e.(type) {
		case Delta:
			if meets(e.Slice) {
				n++
			}
		case Reweight:
			if meets(e.Slice) {
				n++
			}
		}
	}
	return n
}

func checkSlice(s Site, slice string, bad func(format string, args ...any)) {
	if slice != "" && s.sliceIndex(slice) < 0 {
		bad("no slice %q, only %s", slice, strings.Join(s.Slices, ", "))
	}
}

// check returns the faults of the edits at one site.
func (p *Plan) check(s Site) (errs []error) {
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: "+format, append([]any{s.Path}, args...)...))
	}
	seen := map[string]bool{}
	for _, e := range p.bySite[s.Path] {
		kind := fmt.Sprintf("%T", e)
		switch e := e.(type) {
		case Delta:
			kind += e.Slice
			if s.Kind != KindLinear && s.Kind != KindConv {
				bad("a %s has no weight to add a delta to", s.Kind)
			}
			checkSlice(s, e.Slice, bad)
			if p.changes(s.Path, e.Slice) > 1 {
				bad("a weight takes one change, of the whole or of a slice")
			}
		case Reweight:
			kind += e.Slice
			if s.Kind != KindLinear && s.Kind != KindConv && !s.Kind.IsNorm() {
				bad("a %s has no weight to change", s.Kind)
			}
			checkSlice(s, e.Slice, bad)
			if p.changes(s.Path, e.Slice) > 1 {
				bad("a weight that is replaced takes no other change")
			}
		case Scale:
			kind += e.Slice
			if fault := e.fault(s); fault != "" {
				bad("%s", fault)
			}
			other := func(e Edit) bool { _, scale := e.(Scale); return !scale }
			if n := len(p.bySite[s.Path]); n > 1 && (e.Slice == "" || slices.ContainsFunc(p.bySite[s.Path], other)) {
				bad("a scale does not combine with other edits")
			}
		case Parallel:
			if s.Kind != KindBranch {
				bad("parallel edits act on branches, this is a %s", s.Kind)
			}
		case After:
			if s.Kind != KindBranch && s.Kind != KindFeatures {
				bad("edits of the output act on branches and features, this is a %s", s.Kind)
			}
		case Align:
			if s.Kind != KindFeatures {
				bad("only features are mapped, this is a %s", s.Kind)
			}
		case Prefix:
			if s.Kind != KindAttention {
				bad("keys and values go into attentions, this is a %s", s.Kind)
			}
		case Tokens:
			if s.Kind != KindTokens {
				bad("tokens go into blocks of token sequences, this is a %s", s.Kind)
			}
		default:
			bad("an edit of the unknown type %T", e)
		}
		if seen[kind] {
			bad("two edits of type %s", kind)
		}
		seen[kind] = true
	}
	return errs
}

// fault tells why e cannot act at s, "" if it can.
func (e Scale) fault(s Site) string {
	scales := s.Kind == KindLinear || s.Kind == KindConv || s.Kind == KindBranch || s.Kind.IsNorm()
	switch {
	case !scales:
		return fmt.Sprintf("a %s has no channels to scale", s.Kind)
	case s.Kind == KindBranch && s.Last == "":
		return "the scale of a branch could not be merged: no linear map or convolution ends it"
	case e.Slice != "" && !slices.Contains(s.Slices, e.Slice):
		return fmt.Sprintf("no slice %q, only %s", e.Slice, strings.Join(s.Slices, ", "))
	case e.Input && (s.Kind != KindLinear || e.Slice != ""):
		return "only the input of a whole linear map can be scaled"
	case e.Shift != "" && (e.Slice != "" || e.Input):
		return "a slice or an input has no shift"
	case e.Shift != "" && !s.Bias:
		return "a shift could not be merged: the site has no bias"
	}
	return ""
}
