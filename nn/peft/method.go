package peft

import (
	"fmt"
	"maps"
	"slices"

	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/model"
)

// Step0 is how an adapter's output relates to the frozen model's before training, with the same head.
type Step0 int

const (
	// Equal in every bit.
	Equal Step0 = iota
	// Close means that the new parameters are drawn around values with which it is equal in every bit.
	Close
	// Differs means that new inputs to the network change it, or that the new parameters begin beside the identity.
	Differs
)

func (s Step0) String() string { return [...]string{"equal", "close", "differs"}[s] }

// Merging says whether an adapter can be worked into the weights.
type Merging int

const (
	// Exact means that the merged network computes the same function.
	Exact Merging = iota
	// None means that no weights express what the method computes.
	None
)

// Config is a method's configuration: a struct of tagged fields (see Fields), defaults filled in by New.
type Config interface {
	// Apply returns the edits for a network, whose sites come without the head's. No edits means that the
	// method has nothing to train there.
	Apply(s layer.Sites) ([]layer.Edit, error)
}

// Statistician is implemented by configs with an option for what batch norms do while training, which then stands for
// Method.Statistics.
type Statistician interface {
	Statistics() layer.Statistics
}

// Rates are a method's default peak learning rates of AdamW, by what is fine-tuned. The fewer weights a method
// trains, the larger the steps that it wants; convolutions with batch norms bear larger ones than transformers. They
// are the support matrix too: a kind without one is refused, as Support proves.
type Rates map[model.Kind]float64

// Method is one way of fine-tuning.
type Method struct {
	Name    string
	Title   string
	Formula string
	Paper   string

	Step0      Step0
	Noise      float64 // of a Close method: standard deviation of the new parameters' initial values; 0: they have several
	Merge      Merging
	Statistics layer.Statistics // of batch norms while training
	HeadOnly   bool             // trains nothing but the head, by design
	PEFTType   string           // peft_type in adapter_config.json
	Rates      Rates

	// New returns a pointer to a config.
	New func() Config
}

var methods = map[string]Method{}

// register adds a method; it is called by the init of the method's file. Two of one name is a mistake in the
// program text and panics at start.
func register(m Method) {
	if _, twice := methods[m.Name]; twice {
		panic("peft: method registered twice: " + m.Name)
	}
	methods[m.Name] = m
}

// Names lists the methods, sorted.
func Names() []string { return slices.Sorted(maps.Keys(methods)) }

// Lookup finds a method; the error for an unknown name suggests known ones.
func Lookup(name string) (Method, error) {
	m, ok := methods[name]
	if !ok {
		return Method{}, fmt.Errorf("no fine-tuning method %q%s (see pipe docs peft)", name, suggest(name, Names()))
	}
	return m, nil
}
