//go:build !linux

package dag

import "syscall"

// AdoptOrphans does nothing: only Linux has adoption.
func AdoptOrphans() {}

// KillChildren does nothing and says so: only Linux tells what descends from a process.
func KillChildren() bool { return false }

// stopAndKill ends the process group of a worker.
func stopAndKill(worker int) { _ = syscall.Kill(-worker, syscall.SIGKILL) } // fails only if it is gone

// killSession does nothing more than stopAndKill.
func killSession(worker int) { stopAndKill(worker) }

// awaitDeath does not wait.
func awaitDeath(int) {}
