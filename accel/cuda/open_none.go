//go:build !cuda

// Package cuda is the CUDA device.
package cuda

import (
	"errors"

	"github.com/pipe-ml/pipe/accel"
)

// Built says whether this program was built with CUDA.
const Built = false

// Open opens the GPU of an index.
func Open(int) (accel.Device, error) {
	return nil, errors.New("this program was built without CUDA: build it with make cuda")
}
