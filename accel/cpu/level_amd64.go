package cpu

import "golang.org/x/sys/cpu"

// levels lists the levels of this machine, best first.
func levels() []level {
	var ls []level
	if cpu.X86.HasAVX512F && cpu.X86.HasAVX512VL && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512BW {
		ls = append(ls, levelAVX512)
	}
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA {
		ls = append(ls, levelAVX2)
	}
	return append(ls, levelGo)
}
