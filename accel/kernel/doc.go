// Package kernel is the catalogue of kernels: the attribute struct and the contract of each.
//
// A kernel is named by its op in snake case ("layer_norm"); its backward kernels add a suffix: ".dx" is the
// gradient of the (first) input, ".dw" and ".db" those of weight and bias, ".dparams" those of all
// parameters packed one after the other in a 1-D tensor, ".grad" those of all inputs, packed. All
// kernels of an op take the same attribute struct, whose name is the op's in camel case. Attributes are
// plain comparable values: they are an op's identity, its hash, and what crosses to a device. A name with "+" is that of a
// sequence of kernels as one (Fused).
//
// Vocabulary of the contracts: (a, b) -> y lists inputs and outputs in order; x [B, C, ...] gives the letters
// of a shape; dy is the gradient that arrives at y. Operands are float32 unless int32 is said. Outputs may
// hold anything before the launch, NaN included, and are wholly overwritten.
//
// Order of reduction. Results are the same bits for any number of threads and any vector width. Where a
// contract says "16-lane sum", element i of the row is added to lane i mod 16 in order of i, and the lanes are then
// added as a tree: lane j with j+8, then j+4, j+2, j+1. Products are rounded before they are added unless "FMA"
// is said. exp, erf and log are the project's own float32 polynomials (package cpu, math.go).
package kernel
