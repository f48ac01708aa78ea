package program

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"gorgonia.org/gorgonia"

	"github.com/pipe-ml/pipe/nn/op"
)

// Grad adds the gradients of a scalar loss to its graph and returns one node for each parameter, in order. A
// loss that does not depend on one of them is an error, and so is a node in between without backward.
// Gorgonia's marks allow one Grad for a graph.
func Grad(loss *gorgonia.Node, params ...*gorgonia.Node) (grads gorgonia.Nodes, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("gradient of %s: %v", loss.Name(), r)
		}
	}()
	switch {
	case len(params) == 0:
		return nil, errors.New("gradient: no parameters")
	case len(loss.Shape()) != 0:
		return nil, fmt.Errorf("gradient: the loss %s has shape %v, it must be a scalar", loss.Name(), loss.Shape())
	}
	if _, err := loss.Grad(); err == nil {
		return nil, fmt.Errorf("gradient: the graph of %s has its gradients already", loss.Name())
	}
	sums := joins(loss, params)
	before := len(loss.Graph().AllNodes())
	if grads, err = gorgonia.Grad(loss, params...); err != nil {
		return nil, fmt.Errorf("gradient of %s: %w", loss.Name(), err)
	}
	for _, n := range loss.Graph().AllNodes()[before:] {
		if isSum(n) {
			sums--
		}
	}
	if sums != 0 {
		return nil, fmt.Errorf("gradient of %s: Gorgonia merged %d sums of gradients whose hashes collide; rename a parameter", loss.Name(), sums)
	}
	return grads, nil
}

// joins counts the sums that the backward needs: for a node from which the gradient comes k times, k-1.
func joins(loss *gorgonia.Node, params []*gorgonia.Node) int {
	active := map[*gorgonia.Node]bool{}
	for _, p := range params {
		active[p] = true
	}
	order := needed(op.Inputs, loss)
	for _, n := range order { // inputs come first
		if o := op.Of(n); o != nil {
			in := op.Inputs(n)
			for i, d := range o.DiffWRT(len(in)) {
				if d && active[in[i]] {
					active[n] = true
				}
			}
		}
	}
	sums := 0
	arrivals := map[*gorgonia.Node]int{loss: 1}
	for i := len(order) - 1; i >= 0; i-- {
		n := order[i]
		if !active[n] || arrivals[n] == 0 {
			continue
		}
		sums += arrivals[n] - 1
		if o := op.Of(n); o != nil {
			in := op.Inputs(n)
			for k, d := range o.DiffWRT(len(in)) {
				if d {
					arrivals[in[k]]++
				}
			}
		}
	}
	return sums
}

// isSum tells whether n is an addition of Gorgonia's own, with which it joins gradients.
func isSum(n *gorgonia.Node) bool {
	b, ok := n.Op().(gorgonia.BinaryOp)
	return ok && b.IsBinary() && b.String()[0] == '+'
}

// needed lists what the roots are computed from by way of inputs, each once, in the order in which the nodes were made. That puts
// inputs before what uses them, and the gradient of a weight right behind that of its layer's output, which need
// not be held any longer then.
func needed(inputs func(*gorgonia.Node) []*gorgonia.Node, roots ...*gorgonia.Node) []*gorgonia.Node {
	seen := map[*gorgonia.Node]bool{}
	var order []*gorgonia.Node
	visit := func(nodes []*gorgonia.Node) {
		for _, n := range nodes {
			if !seen[n] {
				seen[n] = true
				order = append(order, n)
			}
		}
	}
	visit(roots)
	for i := 0; i < len(order); i++ {
		visit(inputs(order[i]))
	}
	slices.SortFunc(order, func(a, b *gorgonia.Node) int { return cmp.Compare(a.ID(), b.ID()) })
	return order
}
