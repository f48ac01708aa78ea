// Package acceltest is the conformance suite of the accel.Device interface itself: memory, copies, streams, errors and
// counts. What kernels compute is held by nn/op/optest. It is an ordinary package, so that each device's test
// runs it with one line:
//
//	func TestDevice(t *testing.T) { acceltest.Run(t, func() accel.Device { return cpu.New(2) }) }
package acceltest
