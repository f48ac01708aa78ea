// Package optim updates weights on a device.
//
// A [Schedule] gives the learning rate of a step. An [Optimizer] owns the moments of a list of [Param]: a
// weight and its gradient, both resident on the device, and whether weight decay applies to it. A step
// clips the gradients by their global norm, then launches one update kernel a parameter. Nothing is read
// back but that norm.
package optim
