package peft_test

import (
	"context"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/accel/cpu"
	"github.com/pipe-ml/pipe/accel/rng"
	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/peft"
	"github.com/pipe-ml/pipe/nn/program"
)

// network is a compiled backbone on its own device memory.
type network struct {
	t      *testing.T
	mem    *program.Memory
	prog   *program.Program
	out    *layer.Node
	loss   *layer.Node
	params []layer.Param
	grads  gorgonia.Nodes
	step   *layer.Node
}

// compile builds n with the plan on w's values and sets its inputs, which are the same each time.
func compile(t *testing.T, n backbone, w *layer.Weights, plan *layer.Plan, mode program.Mode) *network {
	t.Helper()
	g := gorgonia.NewGraph()
	b := layer.NewBuilder(g, w, plan)
	net := &network{t: t}
	leaves := map[string]*layer.Node{}
	n.model(&net.out, leaves)(b)
	target := b.Input("target", tensor.Float32, net.out.Shape()...)
	net.loss = b.MSELoss(net.out, target)
	net.step = b.Step()
	if err := b.Finish(); err != nil {
		t.Fatal(err)
	}
	dev := cpu.New(1)
	net.mem = program.NewMemory(dev)
	check(t, w.Upload(net.mem))
	outputs := gorgonia.Nodes{net.out, net.loss}
	if mode == program.Train {
		net.params = b.Trainable()
		var nodes gorgonia.Nodes
		for _, p := range net.params {
			nodes = append(nodes, b.Node(p.Name))
		}
		var err error
		net.grads, err = program.Grad(net.loss, nodes...)
		check(t, err)
		outputs = append(outputs, net.grads...)
	}
	var err error
	net.prog, err = program.Compile(g, outputs, program.Options{Memory: net.mem, Mode: mode})
	check(t, err)
	t.Cleanup(func() {
		check(t, net.prog.Close())
		check(t, net.mem.Close())
		check(t, dev.Close())
	})
	leaves["target"] = target
	for name, leaf := range leaves {
		if leaf.Dtype() == tensor.Int32 {
			ids := make([]int32, leaf.Shape().TotalSize())
			for i := range ids {
				ids[i] = int32(i * i % vocabulary)
			}
			check(t, net.prog.Set(leaf, ids))
			continue
		}
		x := make([]float32, leaf.Shape().TotalSize())
		noise(x, "input "+name, 1)
		check(t, net.prog.Set(leaf, x))
	}
	return net
}

// run returns the output and the loss.
func (n *network) run(step int) (out []float32, loss float32) {
	n.t.Helper()
	if n.step != nil && n.prog.Uses(n.step) {
		check(n.t, n.prog.Set(n.step, []int32{int32(step)}))
	}
	check(n.t, n.prog.Run(context.Background()))
	out, err := n.prog.Value(n.out)
	check(n.t, err)
	l, err := n.prog.Value(n.loss)
	check(n.t, err)
	return out, l[0]
}

// gradients returns those of the last run by parameter.
func (n *network) gradients() map[string][]float32 {
	n.t.Helper()
	out := map[string][]float32{}
	for i, p := range n.params {
		g, err := n.prog.Value(n.grads[i])
		check(n.t, err)
		out[p.Name] = g
	}
	return out
}

// move adds rate times the direction to the trained parameters.
func (n *network) move(direction map[string][]float32, rate float32) {
	n.t.Helper()
	for _, p := range n.params {
		x, err := n.mem.Get(p.Name)
		check(n.t, err)
		for i, d := range direction[p.Name] {
			x[i] += rate * d
		}
		check(n.t, n.mem.Set(p.Name, p.Shape, x))
	}
}

// output runs n with the plan in evaluation.
func output(t *testing.T, n backbone, w *layer.Weights, plan *layer.Plan) []float32 {
	t.Helper()
	out, _ := compile(t, n, w, plan, program.Eval).run(0)
	return out
}

// outputs is output as proofs take it.
func outputs(t *testing.T, n backbone) peft.Output {
	return func(w *layer.Weights, plan *layer.Plan) ([]float32, error) { return output(t, n, w, plan), nil }
}

// noise adds N(0, std^2) to x.
func noise(x []float32, name string, std float64) {
	r := rng.New(7, name)
	for i := range x {
		x[i] += float32(std * r.Norm())
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// builder records on w.
func builder(w *layer.Weights) *layer.Builder {
	return layer.NewBuilder(gorgonia.NewGraph(), w, nil)
}
