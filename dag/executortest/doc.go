// Package executortest holds what every dag.Executor promises, as one suite of tests that runs against each.
package executortest
