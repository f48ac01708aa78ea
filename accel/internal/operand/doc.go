// Package operand checks the shapes of kernels' operands, which are the contracts of package kernel, for all devices.
package operand
