package main

import (
	"gorgonia.org/gorgonia"

	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/peft"
)

// mutated is the plan of the case's method with its edits as r.Edit leaves them.
func (r Runner) mutated(c *Case, whole func(*layer.Builder), w *layer.Weights) (*layer.Plan, error) {
	b := layer.NewBuilder(gorgonia.NewGraph(), w, nil)
	whole(b)
	edits, statistics, err := peft.Edits(b.Sites(), peft.Options{Method: c.Method, Config: c.Options})
	if err != nil {
		return nil, err
	}
	var left []layer.Edit
	for _, e := range edits {
		if e = r.Edit(e); e != nil {
			left = append(left, e)
		}
	}
	return layer.NewPlan(b.Sites(), left, statistics)
}
