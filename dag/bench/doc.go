// Command bench measures the engine of pipe beside ninja, Snakemake and DVC, and how it grows, and prints the
// result as Markdown. It is what `make bench-engine` runs.
//
// The words: a graph of n chains is n times first -> middle -> last, each a command that copies a small file, and
// one figure that reads all that the last ones made: 3n+1 actions. A first run makes them all in an empty
// folder; a no-op is the same command again. Every tool has a graph of its own in its own language, in a folder of
// its own, and the tools take turns (A B C D, A B C D, ...), so that what else the machine does falls on all
// of them.
//
// Tools that are not there are installed where that needs no question: Debian packages if we are root, DVC in a
// folder of the user's cache. One that cannot be had is left out, and the program says so.
package main
