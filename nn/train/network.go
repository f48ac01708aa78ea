package train

import (
	"context"
	"errors"
	"fmt"

	"gorgonia.org/gorgonia"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/optim"
	"github.com/pipe-ml/pipe/nn/program"
)

// Network is a network compiled for training.
type Network struct {
	mem     *program.Memory
	prog    *program.Program
	config  Config
	loss    *layer.Node
	clock   *layer.Node // dropout's batch, nil without dropout
	stats   []layer.RunningStat
	params  []layer.Param
	opt     *optim.Optimizer
	means   *blend // of the gradients of a step's batches, nil if it has one
	average *blend // of the state, nil if nobody asked
	fed     int    // the batch whose inputs are in place, counted from 1
}

// Learns tells how a trainable parameter learns: whether weight decay applies to it, and its share of the learning rate,
// 0 meaning all of it.
type Learns func(layer.Param) (decay bool, rate float64)

// Compile makes the training program of a built network: loss is a scalar node of b's graph. The weights that
// the build declared must be in mem.
func Compile(mem *program.Memory, b *layer.Builder, loss *layer.Node, c Config, learns Learns) (*Network, error) {
	if err := errors.Join(b.Finish(), c.Average.Validate()); err != nil {
		return nil, err
	}
	n := &Network{mem: mem, config: c, loss: loss, clock: b.Step(), stats: b.RunningStats(), params: b.Trainable()}
	leaves := make([]*layer.Node, len(n.params))
	for i, p := range n.params {
		leaves[i] = b.Node(p.Name)
	}
	grads, err := program.Grad(loss, leaves...)
	if err != nil {
		return nil, err
	}
	recompute, err := n.recompute(b)
	if err != nil {
		return nil, err
	}
	outputs := append([]*layer.Node{loss}, grads...)
	for _, s := range n.stats {
		outputs = append(outputs, s.Mean, s.Var)
	}
	if n.prog, err = program.Compile(loss.Graph(), outputs, program.Options{Memory: mem, Mode: program.Train, Recompute: recompute}); err != nil {
		return nil, err
	}
	if err := n.optimise(grads, learns); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

// recompute cuts the network at its blocks, if it is to be.
func (n *Network) recompute(b *layer.Builder) (*program.Recompute, error) {
	if !n.config.Recompute {
		return nil, nil
	}
	r := &program.Recompute{Loss: n.loss}
	for _, s := range b.Sites().Sites {
		if s.Kind == layer.KindBlock || s.Kind == layer.KindTokens {
			r.Keep = append(r.Keep, b.BlockOutput(s.Path))
		}
	}
	if len(r.Keep) == 0 {
		return nil, errors.New("the network has no blocks, so nothing can be computed again block by block: leave gradient checkpointing out")
	}
	return r, nil
}

func (n *Network) optimise(grads gorgonia.Nodes, learns Learns) error {
	var err error
	if n.config.Average.Decay > 0 {
		var state []accel.Tensor
		for _, name := range n.State() {
			t, err := n.mem.Tensor(name)
			if err != nil {
				return err
			}
			state = append(state, t)
		}
		if n.average, err = newBlend(n.mem, state); err != nil {
			return fmt.Errorf("average of the weights: %w", err)
		}
	}
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
		params[i] = optim.Param{Name: p.Name, Value: value, Grad: grad}
		params[i].Decay, params[i].Rate = learns(p)
	}
	if n.config.batches() > 1 {
		var batch []accel.Tensor
		for _, p := range params {
			batch = append(batch, p.Grad)
		}
		if n.means, err = newBlend(n.mem, batch); err != nil {
			return fmt.Errorf("mean of the gradients: %w", err)
		}
		for i, mean := range n.means.values {
			params[i].Grad = mean
		}
	}
	n.opt, err = optim.New(n.mem.Device(), n.mem.Stream(), n.config.Optim, params)
	return err
}

// Set gives an input of the loss its value for the next step.
func (n *Network) Set(input *layer.Node, data any) error { return n.prog.Set(input, data) }

// Step makes the update of a step, counted from 0, at rate lr: it feeds and runs the step's batches, updates the parameters by
// the mean of their gradients, and the running statistics after each batch. It returns the mean loss before the update and the global
// norm of the gradients. While the device computes a batch, the next one is fed, if the schedule has one.
func (n *Network) Step(ctx context.Context, step int, lr float64, feed func(batch int) error) (loss, norm float64, err error) {
	batches := n.config.batches()
	for i := range batches {
		value, err := n.batch(ctx, step*batches+i, feed)
		if err != nil {
			return 0, 0, err
		}
		loss += value / float64(batches)
		if n.means != nil {
			// As calling backward on loss/batches adds up in PyTorch. With two, four, eight batches the division is exact.
			if err := n.means.take(1/float32(batches), float32(min(i, 1))); err != nil {
				return 0, 0, err
			}
		}
	}
	if norm, err = n.opt.Step(lr); err != nil {
		return 0, 0, fmt.Errorf("loss %v: %w", loss, err)
	}
	if n.average != nil {
		decay := n.config.Average.at(step + 1)
		err = n.average.take(float32(1-decay), float32(decay))
	}
	return loss, norm, err
}

// batch runs the program on a batch, counted from 0, and returns its loss.
func (n *Network) batch(ctx context.Context, batch int, feed func(batch int) error) (float64, error) {
	if n.fed != batch+1 {
		if err := n.feed(batch, feed); err != nil {
			return 0, err
		}
	}
	if err := n.prog.Start(ctx); err != nil {
		return 0, err
	}
	if batch+1 < n.config.Schedule.Total*n.config.batches() {
		// Copies follow the program on its stream, so they do not reach its inputs too early.
		if err := n.feed(batch+1, feed); err != nil {
			return 0, err
		}
	}
	value, err := n.prog.Value(n.loss)
	if err != nil {
		return 0, err
	}
	return float64(value[0]), n.updateStats()
}

// feed sets the inputs of a batch.
func (n *Network) feed(batch int, feed func(batch int) error) error {
	n.fed = 0
	if err := feed(batch); err != nil {
		return err
	}
	if n.clock != nil {
		if err := n.prog.Set(n.clock, []int32{int32(batch)}); err != nil {
			return err
		}
	}
	n.fed = batch + 1
	return nil
}

// updateStats moves the running statistics towards the batch's.
func (n *Network) updateStats() error {
	for _, s := range n.stats {
		if err := n.track(s.MeanName, s.Mean, s.Momentum); err != nil {
			return err
		}
		if err := n.track(s.VarName, s.Var, s.Momentum); err != nil {
			return err
		}
	}
	return nil
}

// track moves one running statistic.
func (n *Network) track(name string, batch *layer.Node, momentum float32) error {
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

// swap exchanges the state with its average, if there is one.
func (n *Network) swap() error {
	if n.average == nil {
		return nil
	}
	return n.average.swap()
}

// averaged calls f while the network is in its average state, if there is one.
func (n *Network) averaged(f func() error) error {
	if err := n.swap(); err != nil {
		return err
	}
	return errors.Join(f(), n.swap())
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

// trained counts the parameters that learn.
func (n *Network) trained() (sum int) {
	for _, p := range n.params {
		sum += p.Len()
	}
	return sum
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
	if n.means != nil {
		errs = append(errs, n.means.close())
	}
	if n.average != nil {
		errs = append(errs, n.average.close())
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
