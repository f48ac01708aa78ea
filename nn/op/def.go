package op

import (
	"fmt"
	"slices"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/accel"
)

// Mode is what a program is compiled for. Most operators do not care.
type Mode uint8

// Train normalises by the batch and drops activations; Eval does neither.
const (
	Eval Mode = iota
	Train
)

// Operand describes one input of an operator.
type Operand struct {
	Name string
	// Type is Float32 unless said; an Int32 operand has no gradient.
	Type accel.DType
	// Optional operands come last and may be left out.
	Optional bool
	// Variadic is for the last operand: one or more of it.
	Variadic bool
	// NoGrad marks a constant: gradients neither reach it nor pass through it.
	NoGrad bool
}

// Def defines an operator with attributes A. Name, In and either Shape, Fit or neither are required: with Shape
// the output's shape follows from the inputs; with Fit the caller names it (Reshape, Expand); with neither the
// operator is a gradient kernel, made by Back.Call with the shape that its gradient must have.
//
// A Def must not keep or change what is passed to its functions.
type Def[A comparable] struct {
	// Name is the kernel's name on a device, and the node's in messages.
	Name string
	In   []Operand

	// Shape returns the output's shape. Errors say what is wrong; the framework adds the name and all shapes.
	Shape func(a A, in []tensor.Shape) (tensor.Shape, error)
	// Fit checks the output's shape that the caller asked for.
	Fit func(a A, in []tensor.Shape, out tensor.Shape) error

	// Ref is the definition: plain float64 loops that fill out, which is zero before. Gradient kernels go
	// without: they are judged by the differences of the Ref of their operator.
	Ref func(a A, in []Array, out Array)

	// Backward sets the gradient of each differentiable input by b.Grad. Without it, asking for a gradient
	// through the operator is an error.
	Backward func(b *Back, a A)

	// Alias, if set, says that the output is the first input's memory from the returned element on: no kernel runs. A negative
	// element says that for inputs of these shapes it is not.
	Alias func(a A, in []tensor.Shape) int
	// Extra is the number of elements of the kernel's second, 1-D output, which a View reaches behind the first.
	Extra func(a A, in []tensor.Shape) int
	// Select, if set, picks the kernel by mode.
	Select func(a A, m Mode) Choice
	// Attrs turns the attributes into the kernel's; nil if they are the same.
	Attrs func(a A) any
}

// Choice is what a mode makes of an operator: another registered Def, or nothing.
type Choice struct {
	Name string // the Def whose kernel and Ref are used; "" passes the first input on
	In   []int  // its inputs among the operator's; nil for all
}

// def is a Def without its type parameter.
type def struct {
	name      string
	in        []Operand
	shape     func(a any, in []tensor.Shape) (tensor.Shape, error)
	fit       func(a any, in []tensor.Shape, out tensor.Shape) error
	ref       func(a any, in []Array, out Array)
	backward  func(b *Back, a any)
	alias     func(a any, in []tensor.Shape) int
	extra     func(a any, in []tensor.Shape) int
	selection func(a any, m Mode) Choice
	attrs     func(a any) any
	accepts   func(a any) bool
}

var defs = map[string]*def{}

// register adds d to the operators; op files call it in init. Two of one name, or no operands, is a mistake in
// the program text and panics at start.
func register[A comparable](d Def[A]) {
	if _, twice := defs[d.Name]; twice || d.Name == "" || len(d.In) == 0 {
		panic(fmt.Sprintf("op: %q is registered twice or incompletely", d.Name))
	}
	e := &def{name: d.Name, in: d.In}
	e.accepts = func(a any) bool { _, ok := a.(A); return ok }
	if d.Shape != nil {
		e.shape = func(a any, in []tensor.Shape) (tensor.Shape, error) { return d.Shape(a.(A), in) }
	}
	if d.Fit != nil {
		e.fit = func(a any, in []tensor.Shape, out tensor.Shape) error { return d.Fit(a.(A), in, out) }
	}
	if d.Ref != nil {
		e.ref = func(a any, in []Array, out Array) { d.Ref(a.(A), in, out) }
	}
	if d.Backward != nil {
		e.backward = func(b *Back, a any) { d.Backward(b, a.(A)) }
	}
	if d.Alias != nil {
		e.alias = func(a any, in []tensor.Shape) int { return d.Alias(a.(A), in) }
	}
	if d.Extra != nil {
		e.extra = func(a any, in []tensor.Shape) int { return d.Extra(a.(A), in) }
	}
	if d.Select != nil {
		e.selection = func(a any, m Mode) Choice { return d.Select(a.(A), m) }
	}
	if d.Attrs != nil {
		e.attrs = func(a any) any { return d.Attrs(a.(A)) }
	}
	defs[d.Name] = e
}

// Names lists the registered operators and gradient kernels, sorted.
func Names() []string {
	names := make([]string, 0, len(defs))
	for n := range defs {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// Kernels lists the kernels that a device needs to run every registered operator, sorted.
func Kernels() []string {
	return slices.DeleteFunc(Names(), func(n string) bool {
		d := defs[n]
		return d.alias != nil && d.ref == nil || d.selection != nil
	})
}

// Defined tells whether name has a definition of its own (a Ref), which a conformance row must hold every
// device to; the others are gradient kernels, aliases and modes, tested through those.
func Defined(name string) bool { return defs[name] != nil && defs[name].ref != nil }

// operand describes input i of n.
func (d *def) operand(i int) Operand { return d.in[min(i, len(d.in)-1)] }

// check matches the inputs with the operands: their number, presence and element types.
func (d *def) check(in []*gorgonia.Node) error {
	least, most := 0, len(d.in)
	for _, o := range d.in {
		if !o.Optional {
			least++
		}
		if o.Variadic {
			most = max(len(in), least)
		}
	}
	if len(in) < least || len(in) > most {
		return fmt.Errorf("%s: %d inputs, it takes %d to %d", d.name, len(in), least, most)
	}
	for i, n := range in {
		if n == nil {
			return fmt.Errorf("%s: input %s is missing", d.name, d.operand(i).Name)
		}
		if t, err := dtypeOf(n); err != nil || t != d.operand(i).Type {
			return fmt.Errorf("%s: input %s is %v, it must be %v", d.name, d.operand(i).Name, n.Dtype(), d.operand(i).Type)
		}
	}
	return nil
}

// dtypeOf is the element type of n on a device.
func dtypeOf(n *gorgonia.Node) (accel.DType, error) {
	switch n.Dtype() {
	case tensor.Float32:
		return accel.Float32, nil
	case tensor.Int32:
		return accel.Int32, nil
	}
	return 0, fmt.Errorf("%s: element type %v, devices know float32 and int32", n.Name(), n.Dtype())
}
