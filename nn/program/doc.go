// Package program compiles graphs of operators (package op) into programs and runs them on an accel.Device.
//
// A program is a fixed list of kernel launches on planned memory:
//
//	mem := program.NewMemory(dev)                   // parameters, shared by programs
//	grads, err := program.Grad(loss, w, b)          // adds the backward to the graph
//	p, err := program.Compile(g, append(grads, loss), program.Options{Memory: mem, Mode: program.Train})
//	p.Set(x, pixels); p.Set(labels, classes)
//	p.Run(ctx)
//	l, err := p.Value(loss)
//
// Vocabulary:
//
//   - parameter: a leaf of the graph whose name is in Memory; its value stays on the device.
//   - input: any other leaf; it must be Set before the first Run and keeps its value until it is Set again.
//   - output: a node asked for when the program is compiled; its value holds from one Run to the next.
//   - root: a node with memory of its own; an alias (reshape, view, dropout in Eval) lies in its root's memory.
//   - arena: the one buffer in which all roots that are computed lie; roots whose lives do not meet share elements.
//   - segment: a part of the forward between two values that are kept; with [Recompute], the backward computes the values
//     within again.
//
// Where only the next launch reads a result, and the device has a kernel for both, one launch takes the place of two (fuse.go).
//
// Only what the outputs need is compiled. A graph that holds the gradients of frozen weights costs nothing for
// them, and no backward runs below the lowest weight whose gradient is an output.
package program
