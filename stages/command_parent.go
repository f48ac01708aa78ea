//go:build !linux || portable

package stages

import "syscall"

// endWithParent does nothing: only Linux tells a program of its parent's death.
func endWithParent(*syscall.SysProcAttr) {}
