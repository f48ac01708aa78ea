package op

import (
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Back builds the backward of one node. Its methods stop at the first error and return nil from then on.
// Nodes whose gradient nobody wants are dropped when the program is compiled, so a backward simply builds all.
type Back struct {
	In  []*gorgonia.Node // the node's inputs
	Out *gorgonia.Node   // the node
	DY  *gorgonia.Node   // the gradient that arrives at it

	grads gorgonia.Nodes
	err   error
}

// Call launches a gradient kernel whose output has the given shape.
func (b *Back) Call(name string, attrs any, out tensor.Shape, in ...*gorgonia.Node) *gorgonia.Node {
	return b.Keep(func() (*gorgonia.Node, error) { return applyTo(name, attrs, out, in...) })
}

// View is the part of a packed result that starts at element offset.
func (b *Back) View(packed *gorgonia.Node, offset int, shape tensor.Shape) *gorgonia.Node {
	return b.Keep(func() (*gorgonia.Node, error) { return View(packed, offset, shape...) })
}

// Keep runs a constructor unless there was an error before: b.Keep(func() (*gorgonia.Node, error) { return Mul(x, dy) }).
func (b *Back) Keep(f func() (*gorgonia.Node, error)) *gorgonia.Node {
	if b.err != nil {
		return nil
	}
	n, err := f()
	b.err = err
	return n
}

// Grad sets the gradient of input i. An optional input that was left out is ignored.
func (b *Back) Grad(i int, g *gorgonia.Node) {
	if i < len(b.grads) {
		b.grads[i] = g
	}
}
