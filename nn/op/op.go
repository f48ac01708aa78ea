package op

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"strings"

	"github.com/chewxy/hm"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/accel"
)

// Op is one use of an operator in a graph: its definition, attributes and shapes. It is immutable and owns
// no memory. It implements gorgonia.Op and gorgonia.SDOp; package program runs it.
type Op struct {
	def   *def
	attrs any
	id    uint32 // position in the graph, so that no two nodes of a graph ever hash alike
	in    []tensor.Shape
	types []accel.DType
	out   tensor.Shape
}

var _ gorgonia.SDOp = (*Op)(nil)

// apply makes a node of operator name, whose output's shape follows from the inputs. Trailing nil inputs are
// optional operands left out.
func apply(name string, attrs any, in ...*gorgonia.Node) (*gorgonia.Node, error) {
	return build(name, attrs, nil, in)
}

// applyTo makes a node of operator name with the given output shape.
func applyTo(name string, attrs any, out tensor.Shape, in ...*gorgonia.Node) (*gorgonia.Node, error) {
	if out == nil {
		out = tensor.Shape{}
	}
	return build(name, attrs, out, in)
}

func build(name string, attrs any, out tensor.Shape, in []*gorgonia.Node) (*gorgonia.Node, error) {
	d := defs[name]
	if d == nil {
		return nil, fmt.Errorf("op %s is not registered", name)
	}
	if !d.accepts(attrs) {
		return nil, fmt.Errorf("%s: attributes are a %T", name, attrs)
	}
	for len(in) > 0 && in[len(in)-1] == nil && d.operand(len(in)-1).Optional {
		in = in[:len(in)-1]
	}
	if err := d.check(in); err != nil {
		return nil, err
	}
	g := in[0].Graph()
	o := &Op{def: d, attrs: attrs, id: uint32(len(g.AllNodes()))}
	for i, n := range in {
		if n.Graph() != g {
			return nil, fmt.Errorf("%s: input %s is of another graph", name, d.operand(i).Name)
		}
		t, err := dtypeOf(n)
		if err != nil {
			return nil, err
		}
		o.in, o.types = append(o.in, n.Shape()), append(o.types, t)
	}
	if err := o.setShape(out); err != nil {
		return nil, fmt.Errorf("%s: %s: %w", name, o.operands(), err)
	}
	return gorgonia.NewUniqueNode(gorgonia.WithType(typeOf(accel.Float32, o.out)), gorgonia.WithOp(o),
		gorgonia.WithChildren(append(gorgonia.Nodes(nil), in...)), gorgonia.In(g), gorgonia.WithShape(o.out...)), nil
}

func (o *Op) setShape(out tensor.Shape) (err error) {
	switch {
	case o.def.shape != nil:
		if out, err = o.def.shape(o.attrs, o.in); err != nil {
			return err
		}
	case out == nil:
		return errors.New("its shape must be given")
	case o.def.fit != nil:
		if err := o.def.fit(o.attrs, o.in, out); err != nil {
			return err
		}
	}
	for _, d := range out {
		if d < 1 {
			return fmt.Errorf("the output's shape would be %v", []int(out))
		}
	}
	o.out = out.Clone()
	return nil
}

// operands prints names and shapes of all inputs: "x [2 3], w [4 3]".
func (o *Op) operands() string {
	var b strings.Builder
	for i, s := range o.in {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s %v", o.def.operand(i).Name, []int(s))
	}
	return b.String()
}

// Of returns the operator of n, or nil if n is a leaf or one of Gorgonia's own.
func Of(n *gorgonia.Node) *Op {
	o, _ := n.Op().(*Op)
	return o
}

// Call is an operator made ready for a device in one mode.
type Call struct {
	Kernel string // "" for an alias
	Attrs  any    // the kernel's attribute struct
	In     []int  // the operator's inputs that the kernel takes, in order
	Alias  bool   // the output is the memory of input In[0], from element Offset on
	Offset int
	// Extra elements are the kernel's second output, a 1-D one; a View reaches them behind the first.
	Extra int
}

// Call lowers o for mode m.
func (o *Op) Call(m Mode) Call {
	d, in := o.resolve(m)
	if d == nil {
		return Call{Alias: true, In: in[:1]}
	}
	if d.alias != nil {
		if at := d.alias(o.attrs, o.in); at >= 0 {
			return Call{Alias: true, In: in[:1], Offset: at}
		}
	}
	c := Call{Kernel: d.name, Attrs: o.attrs, In: in}
	if d.attrs != nil {
		c.Attrs = d.attrs(o.attrs)
	}
	if d.extra != nil {
		c.Extra = d.extra(o.attrs, o.in)
	}
	return c
}

// resolve applies the mode's choice: the definition to use (nil for the identity) and its inputs.
func (o *Op) resolve(m Mode) (*def, []int) {
	d := o.def
	var in []int
	if d.selection != nil {
		c := d.selection(o.attrs, m)
		d, in = defs[c.Name], c.In
	}
	if in == nil {
		in = make([]int, len(o.in))
		for i := range in {
			in[i] = i
		}
	}
	return d, in
}

// Name is the registered name of the operator.
func (o *Op) Name() string { return o.def.name }

// Arity is the number of inputs.
func (o *Op) Arity() int { return len(o.in) }

// Type is the function type over tensors of the operands' ranks.
func (o *Op) Type() hm.Type {
	ts := make([]hm.Type, 0, len(o.in)+1)
	for i, s := range o.in {
		ts = append(ts, typeOf(o.types[i], s))
	}
	return hm.NewFnType(append(ts, typeOf(accel.Float32, o.out))...)
}

func typeOf(t accel.DType, s tensor.Shape) hm.Type {
	of := tensor.Float32
	if t == accel.Int32 {
		of = tensor.Int32
	}
	if len(s) == 0 {
		return of
	}
	return gorgonia.TensorType{Dims: len(s), Of: of}
}

// InferShape returns the shape found when the node was made.
func (o *Op) InferShape(...gorgonia.DimSizer) (tensor.Shape, error) { return o.out.Clone(), nil }

// ReturnsPtr tells Gorgonia that the result is no view of an input.
func (o *Op) ReturnsPtr() bool { return false }

// CallsExtern tells Gorgonia to look for no external library.
func (o *Op) CallsExtern() bool { return false }

// OverwritesInput tells Gorgonia that the inputs stay as they are.
func (o *Op) OverwritesInput() int { return -1 }

// Hashcode differs for any two operators of a graph. Gorgonia merges nodes that hash alike and compares no
// more than the hashes of their operators.
func (o *Op) Hashcode() uint32 { return o.id }

// WriteHash writes what Hashcode returns.
func (o *Op) WriteHash(h hash.Hash) { _ = binary.Write(h, binary.LittleEndian, o.id) }

func (o *Op) String() string { return o.def.name }

// DiffWRT says which inputs may have a gradient. An operator without backward says yes, so that SymDiff can
// refuse: a gradient never stops silently.
func (o *Op) DiffWRT(inputs int) []bool {
	wrt := make([]bool, inputs)
	for i := range wrt {
		wrt[i] = o.types[i] == accel.Float32 && !o.def.operand(i).NoGrad
	}
	return wrt
}

// SymDiff adds the nodes of the inputs' gradients to the graph; entries of inputs without gradient are nil.
func (o *Op) SymDiff(in gorgonia.Nodes, out, grad *gorgonia.Node) (gorgonia.Nodes, error) {
	if o.def.backward == nil {
		return nil, fmt.Errorf("%s has no backward: node %s", o.def.name, out.Name())
	}
	b := &Back{In: in, Out: out, DY: grad, grads: make(gorgonia.Nodes, len(in))}
	o.def.backward(b, o.attrs)
	if b.err != nil {
		return nil, fmt.Errorf("backward of %s, node %s: %w", o.def.name, out.Name(), b.err)
	}
	for i, need := range o.DiffWRT(len(in)) {
		switch g := b.grads[i]; {
		case need && g == nil:
			return nil, fmt.Errorf("backward of %s gives no gradient for %s", o.def.name, o.def.operand(i).Name)
		case need && !g.Shape().Eq(in[i].Shape()):
			return nil, fmt.Errorf("backward of %s: gradient of %s has shape %v, not %v", o.def.name, o.def.operand(i).Name, g.Shape(), in[i].Shape())
		}
	}
	return b.grads, nil
}
