//go:build !unix

package stages

import "os/exec"

// ownGroup does nothing: without process groups, cancelling ends the program itself.
func ownGroup(*exec.Cmd) {}

// killGroup does nothing.
func killGroup(*exec.Cmd) {}
