package main

import (
	"slices"

	"gorgonia.org/gorgonia"

	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/peft"
)

// mutated is the plan of the case's method with its edits as r.Edit leaves them; the head trains.
func (r Runner) mutated(c *Case, whole func(*layer.Builder), w *layer.Weights) (*layer.Plan, error) {
	m, err := peft.Lookup(c.Method)
	if err != nil {
		return nil, err
	}
	config, err := m.Configure(c.Options)
	if err != nil {
		return nil, err
	}
	b := layer.NewBuilder(gorgonia.NewGraph(), w, nil)
	whole(b)
	body := b.Sites()
	body.Sites = slices.DeleteFunc(slices.Clone(body.Sites), func(x layer.Site) bool { return x.Head })
	body.Params = slices.DeleteFunc(slices.Clone(body.Params), func(p layer.Param) bool { return p.Head })
	edits, err := config.Apply(body)
	if err != nil {
		return nil, err
	}
	var left []layer.Edit
	for _, e := range edits {
		if e = r.Edit(e); e != nil {
			left = append(left, e)
		}
	}
	for _, p := range b.Sites().Params {
		if p.Head && !p.Buffer {
			left = append(left, layer.Train{Param: p.Name})
		}
	}
	statistics := m.Statistics
	if s, ok := config.(peft.Statistician); ok {
		statistics = s.Statistics()
	}
	return layer.NewPlan(b.Sites(), left, statistics)
}
