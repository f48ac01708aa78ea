package program

import (
	"errors"
	"fmt"
	"strings"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/kernel"
	"github.com/pipe-ml/pipe/nn/op"
)

// Mode is what a program is for.
type Mode = op.Mode

// The modes.
const (
	Eval  = op.Eval
	Train = op.Train
)

// Options say where a program runs and what for.
type Options struct {
	Memory    *Memory
	Mode      Mode
	Recompute *Recompute // nil: the backward reads the values of the forward where they are
}

// Compile plans the launches that compute outputs. Every kernel is looked up now, and all that the device lacks
// are named in the error.
func Compile(g *gorgonia.ExprGraph, outputs []*gorgonia.Node, opt Options) (*Program, error) {
	if opt.Memory == nil || len(outputs) == 0 {
		return nil, errors.New("compile: memory and outputs are required")
	}
	if opt.Memory.err != nil {
		return nil, fmt.Errorf("compile: %w", opt.Memory.err)
	}
	for _, n := range outputs {
		if n == nil || n.Graph() != g {
			return nil, errors.New("compile: an output is nil or of another graph")
		}
	}
	c := &compiler{
		opt: opt,
		prog: &Program{
			mem: opt.Memory, dev: opt.Memory.dev, values: map[*gorgonia.Node]accel.Tensor{}, inputs: map[*gorgonia.Node]*input{},
			work: accel.Repeated{Device: opt.Memory.dev, Stream: opt.Memory.stream},
		},
		slots: map[*gorgonia.Node]*slot{},
	}
	if err := c.compile(outputs); err != nil {
		return nil, errors.Join(fmt.Errorf("compile: %w", err), c.prog.Close())
	}
	return c.prog, nil
}

// slot is a node's place: elements off.. of its root's memory.
type slot struct {
	root  *slot // itself unless an alias
	off   int
	shape tensor.Shape
	size  int   // elements, of a root
	extra *slot // what its kernel stores beside the output: a root of its own

	tensor accel.Tensor // of a leaf or constant; of a computed root once planned
	life   *life        // of a computed root, once the launches are known
}

// launch is a step before its memory is known.
type launch struct {
	node   *gorgonia.Node
	kernel accel.Kernel
	attrs  any
	out    []*slot // roots
	in     []*slot
}

type compiler struct {
	opt      Options
	prog     *Program
	slots    map[*gorgonia.Node]*slot
	launches []launch
	roots    []*slot // computed, in order
	names    map[string]*gorgonia.Node
	missing  map[string]bool
	errs     []error // missing kernels
}

func (c *compiler) compile(outputs []*gorgonia.Node) (err error) {
	var at *gorgonia.Node
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("node %s: %v", at.Name(), r)
		}
	}()
	c.names, c.missing = map[string]*gorgonia.Node{}, map[string]bool{}
	order := needed(c.inputs, outputs...)
	for _, at = range order {
		if err := c.lower(at); err != nil {
			return fmt.Errorf("node %s: %w", at.Name(), err)
		}
	}
	if len(c.errs) > 0 {
		return errors.Join(c.errs...)
	}
	c.fuse(append(c.opt.Recompute.kept(), outputs...))
	c.recompute()
	c.live(outputs)
	if err := c.place(); err != nil {
		return err
	}
	for _, at = range outputs {
		c.prog.values[at] = c.slots[at].tensorOf()
	}
	return nil
}

// lower gives n its slot, and a launch if it is computed.
func (c *compiler) lower(n *gorgonia.Node) error {
	switch o := op.Of(n); {
	case o != nil:
		return c.operator(n, o)
	case n.Op() == nil:
		return c.leaf(n)
	case n.Op().Arity() == 0 && n.Value() != nil:
		return c.constant(n)
	case isSum(n):
		return c.launch(n, op.Call{Kernel: "add", Attrs: kernel.Add{}, In: []int{0, 1}})
	}
	return fmt.Errorf("%v is an operator of Gorgonia's own, which no device runs", n.Op())
}

func (c *compiler) operator(n *gorgonia.Node, o *op.Op) error {
	call := o.Call(c.opt.Mode)
	if !call.Alias {
		return c.launch(n, call)
	}
	of, at := c.slots[op.Inputs(n)[call.In[0]]], call.Offset
	if own := accel.Volume(of.shape); of.extra != nil && at >= own {
		of, at = of.extra, at-own
	}
	s := &slot{root: of.root, off: of.off + at, shape: n.Shape()}
	if s.off+accel.Volume(s.shape) > s.root.size {
		return fmt.Errorf("elements %d to %d of %d: the kernel of this mode does not compute them", s.off, s.off+accel.Volume(s.shape), s.root.size)
	}
	c.slots[n] = s
	return nil
}

// inputs are the nodes that n is computed from in the program's mode.
func (c *compiler) inputs(n *gorgonia.Node) []*gorgonia.Node {
	all, o := op.Inputs(n), op.Of(n)
	if o == nil {
		return all
	}
	var in []*gorgonia.Node
	for _, i := range o.Call(c.opt.Mode).In {
		in = append(in, all[i])
	}
	return in
}

func (c *compiler) launch(n *gorgonia.Node, call op.Call) error {
	s := newRoot(n.Shape())
	l := launch{node: n, attrs: call.Attrs, out: []*slot{s}}
	if call.Extra > 0 {
		s.extra = newRoot([]int{call.Extra})
		l.out = append(l.out, s.extra)
	}
	in := op.Inputs(n)
	for _, i := range call.In {
		l.in = append(l.in, c.slots[in[i]])
	}
	var err error
	if l.kernel, err = c.prog.dev.Kernel(call.Kernel); err != nil && !c.missing[call.Kernel] {
		c.missing[call.Kernel] = true
		c.errs = append(c.errs, fmt.Errorf("node %s: %s %s on %s: %w", n.Name(), call.Kernel, l.describe(), c.prog.dev.Name(), err))
	}
	c.slots[n] = s
	c.launches = append(c.launches, l)
	return nil
}

func newRoot(shape []int) *slot {
	s := &slot{shape: shape, size: accel.Volume(shape)}
	s.root = s
	return s
}

// live finds the lives of the computed roots.
func (c *compiler) live(outputs []*gorgonia.Node) {
	for step, l := range c.launches {
		for _, s := range l.out {
			s.life = &life{first: step, last: step, size: s.size}
			c.roots = append(c.roots, s)
		}
		for _, s := range l.in {
			if s.root.life != nil {
				s.root.life.last = step
			}
		}
	}
	for _, n := range outputs {
		if l := c.slots[n].root.life; l != nil {
			l.last = len(c.launches)
		}
	}
}

// describe prints the operands of a launch: "(float32 [2 3], float32 [4 3]) -> float32 [2 4]".
func (l launch) describe() string {
	var in []string
	for _, s := range l.in {
		t := accel.Float32
		if s.root.tensor.Buf != nil {
			t = s.root.tensor.Buf.DType()
		}
		in = append(in, fmt.Sprintf("%s %v", t, []int(s.shape)))
	}
	return fmt.Sprintf("(%s) -> float32 %v", strings.Join(in, ", "), []int(l.out[0].shape))
}

// leaf finds a parameter in memory or allocates an input.
func (c *compiler) leaf(n *gorgonia.Node) error {
	name := n.Name()
	if c.names[name] != nil {
		return fmt.Errorf("two leaves have this name, with shapes %v and %v", n.Shape(), c.names[name].Shape())
	}
	c.names[name] = n
	s := &slot{shape: n.Shape(), size: accel.Volume(n.Shape())}
	s.root = s
	c.slots[n] = s
	typ := accel.Float32
	if n.Dtype() == tensor.Int32 {
		typ = accel.Int32
	} else if n.Dtype() != tensor.Float32 {
		return fmt.Errorf("element type %v, devices know float32 and int32", n.Dtype())
	}
	if t, ok := c.opt.Memory.params[name]; ok {
		if typ != accel.Float32 || !n.Shape().Eq(tensor.Shape(t.Shape)) {
			return fmt.Errorf("the parameter in memory is float32 %v, the graph's is %s %v", t.Shape, typ, n.Shape())
		}
		s.tensor = t
		return nil
	}
	var err error
	if s.tensor, err = c.prog.alloc(typ, s.shape); err != nil {
		return err
	}
	c.prog.inputs[n] = &input{tensor: s.tensor}
	return nil
}

// constant copies a value of the graph to the device: the 1 that a gradient begins with.
func (c *compiler) constant(n *gorgonia.Node) (err error) {
	var data []float32
	switch v := n.Value().Data().(type) {
	case float32:
		data = []float32{v}
	case []float32:
		data = v
	default:
		return fmt.Errorf("a constant of type %T", v)
	}
	s := &slot{shape: n.Shape(), size: len(data)}
	s.root = s
	if s.tensor, err = c.prog.alloc(accel.Float32, s.shape); err != nil {
		return err
	}
	c.slots[n] = s
	return c.prog.dev.CopyIn(c.prog.mem.stream, s.tensor, data)
}

// place plans the arena, allocates it and completes the steps.
func (c *compiler) place() error {
	lives := make([]life, len(c.roots))
	for i, s := range c.roots {
		lives[i] = *s.life
	}
	at, size := plan(lives)
	arena, err := c.prog.alloc(accel.Float32, []int{size})
	if err != nil {
		return fmt.Errorf("arena: %w", err)
	}
	for i, s := range c.roots {
		s.tensor = accel.Tensor{Buf: arena.Buf, Off: at[i], Shape: s.shape}
	}
	for _, l := range c.launches {
		s := step{node: l.node, kernel: l.kernel, attrs: l.attrs}
		for _, out := range l.out {
			s.out = append(s.out, out.tensorOf())
		}
		for _, in := range l.in {
			s.in = append(s.in, in.tensorOf())
		}
		c.prog.steps = append(c.prog.steps, s)
	}
	return nil
}

// tensorOf is the slot's place on the device.
func (s *slot) tensorOf() accel.Tensor {
	return accel.Tensor{Buf: s.root.tensor.Buf, Off: s.root.tensor.Off + s.off, Shape: s.shape}
}
