// Package optest is the conformance suite: it holds a device to the definition of every operator.
//
// It is an ordinary package, so that any device's test runs it with one line:
//
//	func TestOperators(t *testing.T) { optest.Run(t, dev) }
//
// A row names an operator, how to build it, its operands for a size, and a tolerance class. From a row the harness makes
// every size and some random ones, and for each: the value, and what the kernel stores behind it, against the float64
// reference; the gradients under a random upstream gradient against 4-point differences of the reference, single
// elements and random directions; each gradient alone (the others dropped); a second run. All of it runs on a Guard, which poisons outputs with NaN, moves operands to odd
// places between guard bands, and sees to it that inputs do not change. Bits compares several devices bit by bit;
// Bench times the rows.
//
// A registered operator without a row fails, and so does a kernel that no row launches, or that a device lacks.
// Rows live in one file a family, rows_FAMILY.go, and are added by init.
package optest
