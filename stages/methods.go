package stages

import (
	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/model"
	"github.com/pipe-ml/pipe/nn/peft"
)

// Method describes a fine-tuning method.
type Method struct {
	Name       string             `json:"name"`
	Title      string             `json:"title"`
	Formula    string             `json:"formula"`
	Paper      string             `json:"paper,omitempty"`
	Merges     bool               `json:"merges"`     // into the weights
	Step0      string             `json:"step0"`      // how the output relates to the frozen model's before the first step
	Statistics string             `json:"statistics"` // of batch norms while training
	Rates      map[string]float64 `json:"rates"`      // default peak learning rates by kind of network
	Options    []MethodOption     `json:"options"`
	Card       []string           `json:"card"`
	Networks   []Trained          `json:"networks"`
}

// MethodOption is an option of a method. Default is nil where what it stands for depends on the network.
type MethodOption struct {
	Name    string   `json:"name"`
	Kind    string   `json:"kind"`
	Default any      `json:"default"`
	Min     *float64 `json:"min,omitempty"`
	Max     *float64 `json:"max,omitempty"`
	OneOf   []string `json:"oneof,omitempty"`
	Doc     string   `json:"doc"`
}

// Trained is what a method trains of a published network. The percentages are of the new and chosen numbers in the body, and of all that train,
// with a head for 1,000 classes where there is one, in the whole.
type Trained struct {
	Network         string  `json:"network"`
	Count           int     `json:"count"`
	Percent         float64 `json:"percent"`
	PercentWithHead float64 `json:"percent_with_head"`
	Refused         string  `json:"refused,omitempty"`
}

// NetworkBlocks are the blocks of a published network as finetune's blocks numbers them, from 0; runs of them are one element, "blocks.0 to blocks.11".
type NetworkBlocks struct {
	Network string   `json:"network"`
	Count   int      `json:"count"`
	Blocks  []string `json:"blocks"`
}

// Blocks lists them for the networks of the support matrix.
func Blocks() ([]NetworkBlocks, error) {
	references, err := peft.References()
	if err != nil {
		return nil, err
	}
	var out []NetworkBlocks
	for _, r := range references {
		list, n, err := peft.Blocks(r.Model)
		if err != nil {
			return nil, err
		}
		out = append(out, NetworkBlocks{r.Name, n, list})
	}
	return out, nil
}

// MethodNames lists the fine-tuning methods, sorted.
func MethodNames() []string { return peft.Names() }

// Methods describes the named fine-tuning methods.
func Methods(names []string) ([]Method, error) {
	references, err := peft.References()
	if err != nil {
		return nil, err
	}
	var out []Method
	for _, name := range names {
		m, err := describe(name)
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	for _, r := range references {
		rows, err := peft.Support(r.Model, names)
		if err != nil {
			return nil, err
		}
		for i, row := range rows {
			c := row.Count
			out[i].Networks = append(out[i].Networks, Trained{r.Name, c.Trained - c.Head, c.WithoutHead(), c.WithHead(), row.Refused})
		}
	}
	return out, nil
}

// describe is a method without what it trains.
func describe(name string) (Method, error) {
	m, err := peft.Lookup(name)
	if err != nil {
		return Method{}, err
	}
	card, err := peft.Card(name)
	if err != nil {
		return Method{}, err
	}
	d := Method{
		Name: m.Name, Title: m.Title, Formula: m.Formula, Paper: m.Paper, Merges: m.Merge == peft.Exact, Step0: m.Step0.String(),
		Statistics: "updated", Rates: map[string]float64{}, Card: card,
	}
	for _, f := range peft.Fields(m.New()) {
		d.Options = append(d.Options, MethodOption{f.Name, f.Kind, f.Default, f.Min, f.Max, f.OneOf, f.Doc})
	}
	if m.Statistics == layer.FrozenStatistics {
		d.Statistics = "frozen"
	}
	for _, kind := range model.Kinds() {
		if rate := m.Rates[kind]; rate > 0 {
			d.Rates[string(kind)] = rate
		}
	}
	return d, nil
}
