package cpu

import (
	"fmt"

	"github.com/pipe-ml/pipe/accel"
)

// channels views [B, C, ...] as batch, channels and positions.
func channels(t accel.Tensor) (batch, chans, positions int, err error) {
	if len(t.Shape) < 2 {
		return 0, 0, 0, fmt.Errorf("operand %v has no channels", t.Shape)
	}
	return t.Shape[0], t.Shape[1], accel.Volume(t.Shape[2:]), nil
}

// grain is the number of rows of a chunk so that it holds about elementGrain elements.
func grain(cols int) int { return max(1, elementGrain/max(cols, 1)) }
