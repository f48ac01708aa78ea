// Command gen writes the Go assembly of package cpu with avo: one family of kernels a run, to FAMILY_amd64.s
// and its declarations to FAMILY_amd64.go. Package cpu calls it by go generate.
package main

import (
	"fmt"
	"os"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/reg"
)

// families lists the kernel families by the name given on the command line.
var families = map[string]func(){
	"gemm":      gemm,
	"copy":      copies,
	"depthwise": depthwise,
	"grouped":   grouped,
	"pack":      pack,
	"stride":    stride,
	"vec":       vec,
}

func main() {
	name := os.Args[len(os.Args)-1]
	family, ok := families[name]
	if !ok {
		fmt.Fprintf(os.Stderr, "gen: unknown family %q\n", name)
		os.Exit(2)
	}
	os.Args = []string{"gen", "-out", name + "_amd64.s", "-stubs", name + "_amd64.go", "-pkg", "cpu"}
	family()
	build.Generate()
}

// vectorFunc is avo's ZMM or YMM: it makes a vector register of a level.
type vectorFunc = func() reg.VecVirtual
