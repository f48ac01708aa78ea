// Command bench measures networks of pipe beside PyTorch on the CPU, and prints the result as Markdown. It is what
// `make bench-nn` runs.
//
// The words: a case is a network with what is computed of it; a side is one of the two that compute it, pipe or
// PyTorch, each in a worker process of its own (PyTorch's is peer.py). Workers wait for the word and then make one step,
// so that the sides take turns step by step, and what else the machine does falls on both. A row shows the median time of
// a step of each side, and the median of the ratios of neighbouring steps. Memory is the most that a process held
// in RAM, and in brackets what of it came after its program and libraries were loaded; the ratio is that of the latter, since
// PyTorch's libraries alone hold more than some networks. Time of the processor is that of all threads, those that wait in a loop too: on a
// machine that others use, -threads 1 and its ratio tell more than the clock.
package main
