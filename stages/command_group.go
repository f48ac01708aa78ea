package stages

import (
	"os/exec"
	"syscall"
)

// ownGroup starts cmd as the leader of a new process group and makes cancelling it end the group. Where the
// kernel can do so, it kills the program when this process dies.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	endWithParent(cmd.SysProcAttr)
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
}

// killGroup ends what cmd has left running.
func killGroup(cmd *exec.Cmd) {
	if cmd.Process != nil {
		// An error means that nothing is left.
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
}
