//go:build nvidia

package cuda

import (
	"fmt"

	"gorgonia.org/cu"

	"github.com/pipe-ml/pipe/accel/cuda/drv"
)

// Survey describes the driver and its cards, in lines, and makes no context on any. The error wraps ErrNoDevice where there is no card.
func Survey() ([]string, error) {
	n, err := count()
	if err != nil {
		return nil, err
	}
	version := cu.Version()
	lines := []string{fmt.Sprintf("driver for CUDA %d.%d; %s", version/1000, version%1000/10, products())}
	for i := range n {
		d := Device{index: i}
		if err := d.look(); err != nil {
			return nil, fmt.Errorf("%s: %w", d.Name(), drv.Explain(err))
		}
		lines = append(lines, fmt.Sprintf("%s: %s, %s, compute capability %d.%d", d.Name(), d.caps.Model, size(d.caps.Memory), d.major, d.minor))
	}
	return lines, nil
}

// products says what multiplies matrices, for the bits of results depend on it.
func products() string {
	version, err := drv.BLASVersion()
	if err != nil {
		return "own products"
	}
	return "cuBLAS " + version
}
