//go:build !portable

package stages

import "syscall"

// endWithParent makes the kernel kill the program when the thread that started it ends. Go keeps its threads
// unless a goroutine ends while it is locked to one, which none here does.
func endWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }
