package stages

import "github.com/pipe-ml/pipe/accel/cpu"

// Kernels names the instruction set that the stages compute with here: "avx512", "avx2" or "go".
func Kernels() string {
	d := cpu.New(1)
	defer d.Close()
	return d.Caps().Model
}
