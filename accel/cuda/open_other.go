//go:build !nvidia

package cuda

import (
	"fmt"

	"github.com/pipe-ml/pipe/accel"
)

// Built says whether this binary has CUDA.
const Built = false

// Survey tells that this binary has no CUDA.
func Survey() ([]string, error) {
	_, err := Open(0, Float32)
	return nil, err
}

// Open tells that this binary has no CUDA.
func Open(int, Precision) (accel.Device, error) {
	return nil, fmt.Errorf("%w: this binary was built without CUDA; build it with `make cuda`, or use the CPU", ErrNoDevice)
}
