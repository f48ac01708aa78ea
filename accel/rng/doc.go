// Package rng holds the project's random numbers: counter-based, so that a number depends on where it is asked for and
// not on what was asked before, on threads or on the machine.
//
// Vocabulary. A block is four 32-bit words computed by Philox4x32-10 from a 64-bit key and a 128-bit counter. A stream is a
// sequence of blocks under a key made from a seed and a name; streams of other names are independent, so a
// new parameter or sampler changes no other's numbers. Only integer operations, float64 additions, products,
// quotients and square roots are used, each rounded by itself: every platform gives the same bits.
//
// Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
package rng
