// Command pipe runs machine-learning studies: it reads a pipeline, and runs what changed.
//
// Every verb is a file. A verb turns its flags into an options struct, calls pipelines and dag with it, and
// gives what comes back to a view, which writes for people or, with -json, for programs. Nothing is decided
// here.
//
// Vocabulary:
//
//   - project: a loaded and expanded pipeline with its graph and the store it runs against.
//   - exit code: how a verb ended; the codes are in exit.go and in each verb's help.
//   - worker: this program as a child process of the engine, running actions for it.
package main
