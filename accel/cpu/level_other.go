//go:build !amd64

package cpu

// levels lists the levels of this machine: plain Go only.
func levels() []level { return []level{levelGo} }
