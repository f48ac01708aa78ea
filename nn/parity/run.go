package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/nn/checkpoint"
	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/op"
	"github.com/pipe-ml/pipe/nn/optim"
	"github.com/pipe-ml/pipe/nn/peft"
	"github.com/pipe-ml/pipe/nn/program"
	"github.com/pipe-ml/pipe/nn/train"
)

// built is a case's network on a device, with the loss mse(output, target).
type built struct {
	b      *layer.Builder
	loss   *layer.Node
	inputs map[string]*layer.Node
	named  map[string]*layer.Node
	mem    *program.Memory
}

// Runner computes cases on a device. Weight, if set, changes a parameter's values, and Edit a method's edit (nil drops it): mutants do.
type Runner struct {
	Device accel.Device
	Weight func(name string, v []float32)
	Edit   func(e layer.Edit) layer.Edit
}

// Run compares the case with what we compute. The report lists every comparison; an error is about the case itself.
func (r Runner) Run(ctx context.Context, c *Case) (rep Report, err error) {
	rep.Case = c
	if err := r.gradients(ctx, &rep); err != nil {
		return rep, fmt.Errorf("%s: %w", c, err)
	}
	if len(c.names("step.")) > 0 {
		if err := r.steps(ctx, &rep); err != nil {
			return rep, fmt.Errorf("%s: steps: %w", c, err)
		}
	}
	return rep, nil
}

// build makes the network with its method and sets its parameters.
func (r Runner) build(c *Case) (*built, error) {
	make, err := c.network()
	if err != nil {
		return nil, err
	}
	n := &built{}
	var failed error
	whole := func(b *layer.Builder) {
		if n.inputs, err = c.inputs(b); err == nil {
			n.named, err = make(b, n.inputs)
		}
		failed = errors.Join(failed, err)
	}
	w := layer.NewWeights(c.Seed)
	plan, err := c.plan(whole, w)
	if err == nil && r.Edit != nil && c.Method != "" {
		plan, err = r.mutated(c, whole, w)
	}
	if err := errors.Join(failed, err); err != nil {
		return nil, err
	}
	n.b = layer.NewBuilder(gorgonia.NewGraph(), w, plan)
	whole(n.b)
	output := n.named["output"]
	if output == nil {
		return nil, errors.Join(failed, n.b.Finish(), errors.New("the family names no output"))
	}
	n.inputs["target"] = n.b.Input("input.target", tensor.Float32, output.Shape()...)
	n.loss = n.b.MSELoss(output, n.inputs["target"])
	if err := n.b.Finish(); err != nil {
		return nil, err
	}
	n.mem = program.NewMemory(r.Device)
	for _, p := range n.b.Sites().Params {
		v, err := c.parameter(p.Name, p.Shape)
		if p.Constant {
			v = w.Data(p.Name) // follows from the base
		} else if err == nil && c.Method != "" {
			err = w.Set(p.Name, p.Shape, v)
		}
		if err != nil {
			return nil, errors.Join(err, n.mem.Close())
		}
		if r.Weight != nil {
			r.Weight(p.Name, v)
		}
		if err := n.mem.Set(p.Name, p.Shape, v); err != nil {
			return nil, errors.Join(err, n.mem.Close())
		}
	}
	return n, nil
}

// inputs declares the case's inputs, all but the target.
func (c *Case) inputs(b *layer.Builder) (map[string]*layer.Node, error) {
	in := map[string]*layer.Node{}
	for _, name := range c.names("input.") {
		if name == "target" {
			continue
		}
		t, err := c.file.Tensor("input." + name)
		if err != nil {
			return nil, err
		}
		kind := tensor.Float32
		if t.DType == checkpoint.I32 {
			kind = tensor.Int32
		}
		in[name] = b.Input("input."+name, kind, t.Shape...)
	}
	return in, nil
}

// plan is the method's, or the one that trains everything.
func (c *Case) plan(whole func(*layer.Builder), w *layer.Weights) (*layer.Plan, error) {
	if c.Method != "" {
		a, err := peft.Prepare(whole, w, peft.Options{Method: c.Method, Config: c.Options})
		if err != nil {
			return nil, err
		}
		return a.Plan, nil
	}
	b := layer.NewBuilder(gorgonia.NewGraph(), w, nil)
	whole(b)
	if err := b.Finish(); err != nil {
		return nil, err
	}
	var edits []layer.Edit
	for _, p := range b.Trainable() {
		edits = append(edits, layer.Train{Param: p.Name})
	}
	statistics := layer.FrozenStatistics
	if c.Train {
		statistics = layer.UpdateStatistics
	}
	return layer.NewPlan(b.Sites(), edits, statistics)
}

// set gives the inputs their values by f.
func (n *built) set(c *Case, f func(in *layer.Node, data any) error) error {
	for name, leaf := range n.inputs {
		t, err := c.file.Tensor("input." + name)
		if err != nil {
			return err
		}
		var data any
		if t.DType == checkpoint.I32 {
			data, err = t.Int32()
		} else {
			data, err = t.Float32()
		}
		if err := errors.Join(err, f(leaf, data)); err != nil {
			return err
		}
	}
	return nil
}

// gradients compares taps, loss and gradients.
func (r Runner) gradients(ctx context.Context, rep *Report) (err error) {
	c := rep.Case
	n, err := r.build(c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.mem.Close()) }()
	taps, err := n.taps(c)
	if err != nil {
		return err
	}
	names, leaves := n.leaves(c)
	var grads gorgonia.Nodes
	if len(names) > 0 {
		if grads, err = program.Grad(n.loss, leaves...); err != nil {
			return err
		}
	}
	outputs := append(gorgonia.Nodes{n.loss}, grads...)
	for _, t := range taps {
		outputs = append(outputs, t.node)
	}
	p, err := program.Compile(n.loss.Graph(), outputs, program.Options{Memory: n.mem, Mode: program.Train})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	if err := errors.Join(n.set(c, p.Set), p.Run(ctx)); err != nil {
		return err
	}
	for _, t := range taps {
		if err := rep.compare("tap."+t.name, func() ([]float32, error) { return p.Value(t.node) }); err != nil {
			return err
		}
	}
	if err := rep.compare("loss", func() ([]float32, error) { return p.Value(n.loss) }); err != nil {
		return err
	}
	for i, name := range names {
		if err := rep.gradient(name, func() ([]float32, error) { return p.Value(grads[i]) }); err != nil {
			return err
		}
	}
	return rep.complete(names)
}

// leaves are what the loss is differentiated by: the parameters that train, and the inputs of float32. None, if the case has no gradients.
func (n *built) leaves(c *Case) (names []string, nodes gorgonia.Nodes) {
	if len(c.names("grad.")) == 0 && len(c.names("sketch.")) == 0 {
		return nil, nil
	}
	for _, p := range n.b.Trainable() {
		names, nodes = append(names, p.Name), append(nodes, n.b.Node(p.Name))
	}
	for _, name := range slices.Sorted(maps.Keys(n.inputs)) {
		if in := n.inputs[name]; name != "target" && in.Dtype() == tensor.Float32 {
			names, nodes = append(names, "input."+name), append(nodes, in)
		}
	}
	return names, nodes
}

type tap struct {
	name string
	node *layer.Node
}

// taps finds the nodes that the case names, in the order of the computation: a node that the family names, the output of a block, or what a module computes from
// its weight.
func (n *built) taps(c *Case) ([]tap, error) {
	var out []tap
	for _, name := range c.names("tap.") {
		node := n.named[name]
		if node == nil {
			node = n.b.BlockOutput(name)
		}
		for _, user := range n.loss.Graph().AllNodes() {
			if op.Of(user) != nil && slices.ContainsFunc(op.Inputs(user), func(in *layer.Node) bool { return in == n.b.Node(name+".weight") }) && node == nil {
				node = user
			}
		}
		if node == nil {
			return nil, fmt.Errorf("tap %s: neither a block nor a module with a weight", name)
		}
		out = append(out, tap{name, node})
	}
	slices.SortStableFunc(out, func(a, b tap) int { return int(a.node.ID() - b.node.ID()) })
	return out, nil
}

// The optimiser of a fixture's steps; parity.py has the same numbers.
var adamW = optim.Config{Rule: "adamw", Beta1: .9, Beta2: .999, Eps: 1e-4, WeightDecay: .05}

const (
	learningRate = 3e-3
	steps        = 3
)

// steps compares three steps of AdamW: the losses before each, and what they changed.
func (r Runner) steps(ctx context.Context, rep *Report) (err error) {
	c := rep.Case
	n, err := r.build(c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.mem.Close()) }()
	net, err := train.Compile(n.mem, n.b, n.loss, train.Config{Optim: adamW}, func(p layer.Param) (bool, float64) { return len(p.Shape) > 1, 0 })
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, net.Close()) }()
	before := map[string][]float32{}
	for _, name := range net.State() {
		if before[name], err = n.mem.Get(name); err != nil {
			return err
		}
	}
	var losses []float32
	for step := range steps {
		loss, _, err := net.Step(ctx, step, learningRate, func(int) error { return n.set(c, net.Set) })
		if err != nil {
			return err
		}
		losses = append(losses, float32(loss))
	}
	if err := rep.compare("step.loss", func() ([]float32, error) { return losses, nil }); err != nil {
		return err
	}
	for _, name := range net.State() {
		if err := rep.change(name, before[name], func() ([]float32, error) { return n.mem.Get(name) }); err != nil {
			return err
		}
	}
	return nil
}
