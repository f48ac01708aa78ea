package train

import (
	"context"
	"errors"
	"fmt"

	"gorgonia.org/gorgonia"

	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/optim"
	"github.com/pipe-ml/pipe/nn/program"
)

// Network is a network compiled for training.
type Network struct {
	mem    *program.Memory
	prog   *program.Program
	loss   *layer.Node
	clock  *layer.Node // dropout's step, nil without dropout
	stats  []layer.RunningStat
	params []layer.Param
	opt    *optim.Optimizer
	steps  int
}

// Compile makes the training program of a built network: loss is a scalar node of b's graph. The weights that
// the build declared must be in mem. decays tells which trainable parameters weight decay applies to.
func Compile(mem *program.Memory, b *layer.Builder, loss *layer.Node, c optim.Config, decays func(layer.Param) bool) (*Network, error) {
	if err := b.Finish(); err != nil {
		return nil, err
	}
	n := &Network{mem: mem, loss: loss, clock: b.Step(), stats: b.RunningStats(), params: b.Trainable()}
	leaves := make([]*layer.Node, len(n.params))
	for i, p := range n.params {
		leaves[i] = b.Node(p.Name)
	}
	grads, err := program.Grad(loss, leaves...)
	if err != nil {
		return nil, err
	}
	outputs := append([]*layer.Node{loss}, grads...)
	for _, s := range n.stats {
		outputs = append(outputs, s.Mean, s.Var)
	}
	if n.prog, err = program.Compile(loss.Graph(), outputs, program.Options{Memory: mem, Mode: program.Train}); err != nil {
		return nil, err
	}
	if err := n.optimise(c, grads, decays); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

func (n *Network) optimise(c optim.Config, grads gorgonia.Nodes, decays func(layer.Param) bool) error {
	params := make([]optim.Param, len(n.params))
	for i, p := range n.params {
		value, err := n.mem.Tensor(p.Name)
		if err != nil {
			return err
		}
		grad, err := n.prog.Tensor(grads[i])
		if err != nil {
			return err
		}
		params[i] = optim.Param{Name: p.Name, Value: value, Grad: grad, Decay: decays(p)}
	}
	var err error
	n.opt, err = optim.New(n.mem.Device(), n.mem.Stream(), c, params)
	return err
}

// Set gives an input of the loss its value for the next step.
func (n *Network) Set(input *layer.Node, data any) error { return n.prog.Set(input, data) }

// Step runs the program on the inputs set and updates the parameters at rate lr and the running statistics. It
// returns the loss before the update and the global norm of the gradients.
func (n *Network) Step(ctx context.Context, lr float64) (loss, norm float64, err error) {
	if n.clock != nil {
		if err := n.prog.Set(n.clock, []int32{int32(n.steps)}); err != nil {
			return 0, 0, err
		}
	}
	if err := n.prog.Run(ctx); err != nil {
		return 0, 0, err
	}
	value, err := n.prog.Value(n.loss)
	if err != nil {
		return 0, 0, err
	}
	if norm, err = n.opt.Step(lr); err != nil {
		return 0, 0, fmt.Errorf("loss %v: %w", value[0], err)
	}
	n.steps++
	return float64(value[0]), norm, n.updateStats()
}

// updateStats moves the running statistics towards the batch's.
func (n *Network) updateStats() error {
	for _, s := range n.stats {
		if err := n.average(s.MeanName, s.Mean, s.Momentum); err != nil {
			return err
		}
		if err := n.average(s.VarName, s.Var, s.Momentum); err != nil {
			return err
		}
	}
	return nil
}

func (n *Network) average(name string, batch *layer.Node, momentum float32) error {
	running, err := n.mem.Get(name)
	if err != nil {
		return err
	}
	now, err := n.prog.Value(batch)
	if err != nil {
		return err
	}
	for i, v := range now {
		running[i] = float32((1-momentum)*running[i]) + float32(momentum*v)
	}
	return n.mem.Set(name, []int{len(running)}, running)
}

// State lists what training changes: the trained parameters and the running statistics.
func (n *Network) State() []string {
	var names []string
	for _, p := range n.params {
		names = append(names, p.Name)
	}
	for _, s := range n.stats {
		names = append(names, s.MeanName, s.VarName)
	}
	return names
}

// snapshot copies the state to the host.
func (n *Network) snapshot() (map[string][]float32, error) {
	state := map[string][]float32{}
	for _, name := range n.State() {
		data, err := n.mem.Get(name)
		if err != nil {
			return nil, err
		}
		state[name] = data
	}
	return state, nil
}

// restore puts a snapshot back.
func (n *Network) restore(state map[string][]float32) error {
	for _, name := range n.State() {
		t, err := n.mem.Tensor(name)
		if err != nil {
			return err
		}
		if err := n.mem.Set(name, t.Shape, state[name]); err != nil {
			return err
		}
	}
	return nil
}

// Close frees the program and the optimiser; the weights stay in memory.
func (n *Network) Close() error {
	var errs []error
	if n.opt != nil {
		errs = append(errs, n.opt.Close())
	}
	return errors.Join(append(errs, n.prog.Close())...)
}

// CompileForward makes the program that only computes outputs of a built network, in evaluation mode. Weights
// that mem does not hold yet are shared with w.
func CompileForward(mem *program.Memory, b *layer.Builder, w *layer.Weights, outputs ...*layer.Node) (*program.Program, error) {
	if err := b.Finish(); err != nil {
		return nil, err
	}
	if err := upload(mem, w, b, nil); err != nil {
		return nil, err
	}
	p, err := program.Compile(outputs[0].Graph(), outputs, program.Options{Memory: mem, Mode: program.Eval})
	if err != nil {
		return nil, err
	}
	if clock := b.Step(); clock != nil && p.Uses(clock) {
		return p, p.Set(clock, []int32{0}) // dropout does nothing here, yet its inputs want values
	}
	return p, nil
}

// Upload sets the parameters of a network to be trained that mem does not hold yet: those that training changes as copies,
// the others are shared with w.
func Upload(mem *program.Memory, w *layer.Weights, b *layer.Builder) error {
	changes := map[string]bool{}
	for _, p := range b.Trainable() {
		changes[p.Name] = true
	}
	for _, s := range b.RunningStats() {
		changes[s.MeanName], changes[s.VarName] = true, true
	}
	return upload(mem, w, b, changes)
}

func upload(mem *program.Memory, w *layer.Weights, b *layer.Builder, changes map[string]bool) error {
	var copied, shared []string
	for _, p := range b.Sites().Params {
		switch {
		case mem.Has(p.Name):
		case changes[p.Name]:
			copied = append(copied, p.Name)
		default:
			shared = append(shared, p.Name)
		}
	}
	return errors.Join(w.UploadNamed(mem, copied), w.ShareNamed(mem, shared))
}
