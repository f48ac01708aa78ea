package peft

import (
	"errors"
	"fmt"
	"slices"

	"gorgonia.org/gorgonia"

	"github.com/pipe-ml/pipe/nn/layer"
)

// Model builds a network, inputs included. It is called several times, with plans and without.
type Model func(b *layer.Builder)

// Options choose a method and where it acts.
type Options struct {
	Method string
	Config map[string]any // overrides of the config's defaults, as JSON values
	Mask
}

// Adapter is a method prepared for one network.
type Adapter struct {
	Method Method
	Config Config
	Mask   Mask
	// Plan is what to build the network with.
	Plan *layer.Plan
	// Sites is the network with the edits in it.
	Sites layer.Sites
	// Trainable lists what trains, in order of computation: the head and what the method chose.
	Trainable []layer.Param
	Count     Count
}

// Count is how many numbers train. Buffers count nowhere.
type Count struct {
	Total   int // of the network, new parameters included
	Body    int // of the frozen model without head and new parameters
	Trained int // head included
	Head    int // of the head, all of which train
}

// WithHead is the percentage of all parameters that train.
func (c Count) WithHead() float64 { return percent(c.Trained, c.Total) }

// WithoutHead is the percentage of the trained parameters beside the head, relative to the body: the figure that papers give.
func (c Count) WithoutHead() float64 { return percent(c.Trained-c.Head, c.Body) }

func percent(a, b int) float64 {
	if b == 0 {
		return 0
	}
	return 100 * float64(a) / float64(b)
}

// ErrNothingToTrain is returned for a method that has no place to act in a network.
var ErrNothingToTrain = errors.New("would train nothing on this network")

// ErrUnfit is returned for a method whose options, the default ones perhaps, do not fit a network.
var ErrUnfit = errors.New("does not fit this network")

// unfit is that error for one of the options; the message says what would fit.
func unfit(option, format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrUnfit, &OptionError{option, fmt.Sprintf(format, args...)})
}

// Prepare records the network's sites, lets the method choose, and records the edited network. New parameters are
// declared in w; nothing is allocated. A method that would train nothing of the body is refused.
func Prepare(model Model, w *layer.Weights, o Options) (*Adapter, error) {
	m, config, err := o.configured()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.Name, err)
	}
	base, err := record(model, w, nil)
	if err != nil {
		return nil, err
	}
	edits, statistics, err := Edits(base, o)
	if err != nil {
		return nil, err
	}
	a := &Adapter{Method: m, Config: config, Mask: o.Mask}
	if a.Plan, err = layer.NewPlan(base, edits, statistics); err != nil {
		return nil, fmt.Errorf("%s: %w", m.Name, err)
	}
	b := layer.NewBuilder(gorgonia.NewGraph(), w, a.Plan)
	model(b)
	if err := b.Finish(); err != nil {
		return nil, fmt.Errorf("%s: %w", m.Name, err)
	}
	a.Sites, a.Trainable = b.Sites(), b.Trainable()
	for _, p := range a.Sites.Params {
		a.Count.add(p, slices.ContainsFunc(a.Trainable, func(q layer.Param) bool { return q.Name == p.Name }))
	}
	return a, nil
}

// Edits are what Prepare plans for the network that base records: the method's, cut to the mask, and those that train the head; and what batch norms
// do while training.
func Edits(base layer.Sites, o Options) ([]layer.Edit, layer.Statistics, error) {
	m, config, err := o.configured()
	if err != nil {
		return nil, 0, err
	}
	edits, err := m.edits(config, base, o.Mask)
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", m.Name, err)
	}
	if c, ok := config.(Statistician); ok {
		return edits, c.Statistics(), nil
	}
	return edits, m.Statistics, nil
}

func (o Options) configured() (Method, Config, error) {
	m, err := Lookup(o.Method)
	if err != nil {
		return Method{}, nil, err
	}
	config, err := m.Configure(o.Config)
	return m, config, err
}

// Join is the adapter of a network of two parts, of which a and b are the adapters by one method. A name that is in both is an error: it would be
// one parameter.
func Join(a, b *Adapter) (*Adapter, error) {
	for _, p := range a.Sites.Params {
		if slices.ContainsFunc(b.Sites.Params, func(q layer.Param) bool { return q.Name == p.Name }) {
			return nil, fmt.Errorf("%s: %s is in both parts", a.Method.Name, p.Name)
		}
	}
	out := *a
	out.Plan = a.Plan.With(b.Plan)
	out.Sites.Sites, out.Sites.Params = slices.Concat(a.Sites.Sites, b.Sites.Sites), slices.Concat(a.Sites.Params, b.Sites.Params)
	out.Trainable = slices.Concat(a.Trainable, b.Trainable)
	out.Count = Count{a.Count.Total + b.Count.Total, a.Count.Body + b.Count.Body, a.Count.Trained + b.Count.Trained, a.Count.Head + b.Count.Head}
	return &out, nil
}

func (c *Count) add(p layer.Param, trained bool) {
	if p.Buffer {
		return
	}
	n := p.Len()
	c.Total += n
	if p.Head {
		c.Head += n
	} else if !p.Added {
		c.Body += n
	}
	if trained {
		c.Trained += n
	}
}

// edits are the method's on the body, cut to the mask, and those that train the head.
func (m Method) edits(c Config, base layer.Sites, mask Mask) ([]layer.Edit, error) {
	body := layer.Sites{
		Sites:  ofKind(base, func(x layer.Site) bool { return !x.Head }),
		Params: slices.DeleteFunc(slices.Clone(base.Params), func(p layer.Param) bool { return p.Head }),
		Blocks: base.Blocks,
	}
	edits, err := c.Apply(body)
	if err != nil {
		return nil, err
	}
	const reached = "only the head trains, which no mask reaches: leave it out"
	switch {
	case m.HeadOnly && mask.Blocks != nil:
		return nil, &MaskError{"blocks", reached}
	case m.HeadOnly && mask.Layers != nil:
		return nil, &MaskError{"layers", reached}
	}
	if edits, err = mask.cut(edits, body); err != nil {
		return nil, err
	}
	head := train(base, func(p layer.Param) bool { return p.Head })
	switch {
	case len(edits) == 0 && !m.HeadOnly:
		return nil, ErrNothingToTrain
	case m.HeadOnly && len(head) == 0:
		return nil, fmt.Errorf("%w: it has no head", ErrNothingToTrain)
	}
	return append(edits, head...), nil
}

func record(model Model, w *layer.Weights, plan *layer.Plan) (layer.Sites, error) {
	b := layer.NewBuilder(gorgonia.NewGraph(), w, plan)
	model(b)
	return b.Sites(), b.Finish()
}

// Merge works the adapter into a copy of the weights, which the model without a plan then uses. Methods that
// cannot be expressed so return layer.ErrNotMergeable.
func (a *Adapter) Merge(w *layer.Weights) (*layer.Weights, error) {
	if a.Method.Merge == None {
		return nil, fmt.Errorf("%s %w", a.Method.Name, layer.ErrNotMergeable)
	}
	return layer.Merge(w, a.Sites, a.Plan)
}

// Support tells for each of the methods what it would train on a network, or why it is refused.
func Support(model Model, methods []string) ([]SupportRow, error) {
	var rows []SupportRow
	for _, name := range methods {
		a, err := Prepare(model, layer.NewWeights(0), Options{Method: name})
		switch {
		case errors.Is(err, ErrNothingToTrain) || errors.Is(err, ErrUnfit):
			rows = append(rows, SupportRow{Method: name, Refused: err.Error()})
		case err != nil:
			return nil, err
		default:
			rows = append(rows, SupportRow{Method: name, Count: a.Count})
		}
	}
	return rows, nil
}

// SupportRow is a row of the support matrix.
type SupportRow struct {
	Method  string
	Count   Count
	Refused string // empty if the method applies
}
