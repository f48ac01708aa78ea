package train

import (
	"fmt"

	"github.com/pipe-ml/pipe/accel/elementary"
)

// Average chooses an exponential moving average of the state over the updates, as timm's ModelEmaV3 (running statistics included):
// average = Decay*average + (1-Decay)*state. The first update sets it. With Warmup the decay of update n is at most
// 1 - n^(-2/3). The zero value is none.
type Average struct {
	Decay  float64
	Warmup bool
}

// Validate refuses a decay that is none.
func (a Average) Validate() error {
	if !(a.Decay >= 0 && a.Decay < 1) {
		return fmt.Errorf("the decay %v of the average of the weights is not from 0 to below 1", a.Decay)
	}
	return nil
}

// at is the decay of an update, counted from 1.
func (a Average) at(update int) float64 {
	if update <= 1 {
		return 0
	}
	if a.Warmup {
		return min(a.Decay, 1-elementary.Pow(float64(update), -2./3))
	}
	return a.Decay
}
