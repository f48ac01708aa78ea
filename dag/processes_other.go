//go:build !linux || portable

package dag

import (
	"errors"
	"os/exec"
	"syscall"
)

// AdoptOrphans does nothing: only Linux has adoption.
func AdoptOrphans() {}

// KillChildren does nothing and says so: only Linux tells what descends from a process.
func KillChildren() bool { return false }

// stopAndKill ends the process group of a worker.
func stopAndKill(worker int) { _ = syscall.Kill(-worker, syscall.SIGKILL) } // fails only if it is gone

// reap returns when a worker has ended, and ends what is left of its group, whose number is taken until then.
func reap(worker *exec.Cmd) {
	_ = worker.Wait() // the state says what is to be said
	stopAndKill(worker.Process.Pid)
}

// gone says whether a process has ended and its parent has waited for it.
func gone(pid int) bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }
