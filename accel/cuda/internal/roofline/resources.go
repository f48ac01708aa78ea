package roofline

import (
	_ "embed"
	"strconv"
	"strings"
	"sync"
)

// resources.txt is what NVIDIA's assembler gives each function on sm_90: its name, registers a thread and bytes of static shared memory
// a block. `make ptxas` writes it anew.
//
//go:embed resources.txt
var assembled string

type resource struct{ registers, shared int }

var resources = sync.OnceValue(func() map[string]resource {
	all := map[string]resource{}
	for line := range strings.Lines(assembled) {
		f := strings.Fields(line)
		registers, err1 := strconv.Atoi(f[1])
		shared, err2 := strconv.Atoi(f[2])
		if err1 == nil && err2 == nil {
			all[f[0]] = resource{registers, shared}
		}
	}
	return all
})

// A multiprocessor of sm_90 has so many registers, so much shared memory and room for so many warps.
const (
	registers = 64 << 10
	sharedMem = 227 << 10
	mostWarps = 64
)

// threads is the number of threads of a block.
const threads = 256

// resident is how many blocks of a function a multiprocessor holds at once.
func resident(function string) int {
	r := resources()[function]
	a := (r.registers + 7) / 8 * 8 // registers are given by eights
	n := mostWarps / (threads / 32)
	if a > 0 {
		n = min(n, registers/(a*threads))
	}
	return max(1, min(n, sharedMem/(r.shared+1024))) // the system keeps 1 KiB of each block's
}
