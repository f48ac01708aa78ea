// Package accel is the compute layer: the Device interface and its contract.
//
// A device allocates buffers, copies, and launches kernels. A kernel is a named computation on tensors
// (dense row-major views of buffers) with an attribute struct; package kernel lists every kernel with its
// attributes and operands, package cpu implements them in Go and Go assembly, package cuda on an NVIDIA card, package rng holds the
// counter-based random numbers that all devices share, package acceltest the suite that holds a device to this interface.
package accel
