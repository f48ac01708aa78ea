package peft

import (
	"fmt"
	"math"
)

// closeBound is the largest deviation of a Close method at step 0, relative to the largest output. SSF's factors and shifts of 2 % at each
// operation add up to 0.1 in a ResNet-18 and to 0.6 in a ViT of 12 blocks with random weights; an unrelated output of the
// same size deviates by up to 2, so that the bound finds gross mistakes only. The figure itself is returned.
const closeBound = 1.5

// mergeBound is the largest deviation of the merged network, relative to the largest output.
const mergeBound = 1e-5

// CheckStep0 compares the outputs of the frozen model and of the adapted one before the first step, on the same input
// and with the same head, with what the method claims. It returns the largest difference relative to the largest output.
func (a *Adapter) CheckStep0(frozen, adapted []float32) (float64, error) {
	d, err := deviation(frozen, adapted)
	if err != nil {
		return 0, err
	}
	equal := true
	for i := range frozen {
		equal = equal && math.Float32bits(frozen[i]) == math.Float32bits(adapted[i])
	}
	ok := map[Step0]bool{Equal: equal, Close: d <= closeBound, Differs: !equal}[a.Method.Step0]
	if !ok {
		return d, fmt.Errorf("%s: output before the first step should be %s to the frozen model's, deviates by %.3g", a.Method.Name, a.Method.Step0, d)
	}
	return d, nil
}

// CheckMerge compares the outputs of the adapted network and of the merged one and refuses beyond 1e-5.
func (a *Adapter) CheckMerge(adapted, merged []float32) (float64, error) {
	d, err := deviation(adapted, merged)
	if err == nil && !(d <= mergeBound) {
		err = fmt.Errorf("%s: the merged network deviates by %.3g, more than %.0e", a.Method.Name, d, mergeBound)
	}
	return d, err
}

// deviation is max |x - y| / max |x|.
func deviation(x, y []float32) (float64, error) {
	if len(x) != len(y) {
		return 0, fmt.Errorf("outputs of %d and of %d numbers", len(x), len(y))
	}
	var diff, size float64
	for i := range x {
		d := math.Abs(float64(x[i]) - float64(y[i]))
		if math.IsNaN(d) {
			return 0, fmt.Errorf("output %d is not a number", i)
		}
		diff, size = max(diff, d), max(size, math.Abs(float64(x[i])))
	}
	if diff == 0 {
		return 0, nil
	}
	return diff / size, nil
}
