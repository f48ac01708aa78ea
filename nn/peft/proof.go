package peft

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/pipe-ml/pipe/nn/layer"
)

// mergeBound is the largest deviation of the merged network, relative to the largest output: both networks compute the same function, so they differ by
// float32's rounding of the sums, about sqrt(n) 2^-24 over n products in a row, 6e-6 for 10,000. Trained networks of 10 to 28 layers stayed below 2e-6.
// Depth adds to it, and a mistake in merging is far above.
const mergeBound = 1e-3

// MergeUsual is what the deviation stays below in networks of common depth: more is worth a warning.
const MergeUsual = 1e-5

// Output computes a network's output in evaluation, on an input that is the same each time, from weights w and with the edits of
// plan; a nil plan is the model without edits.
type Output func(w *layer.Weights, plan *layer.Plan) ([]float32, error)

// ProveStep0 holds the adapter to what its method claims of the output before the first step, with the same head.
// w is the base with the new parameters as they begin. It returns the largest difference relative to the frozen model's largest output.
func (a *Adapter) ProveStep0(w *layer.Weights, output Output) (float64, error) {
	frozen, err := output(w, nil)
	if err != nil {
		return 0, err
	}
	adapted, err := output(w, a.Plan)
	if err != nil {
		return 0, err
	}
	d, err := deviation(frozen, adapted)
	if err != nil {
		return 0, err
	}
	same := slices.EqualFunc(frozen, adapted, sameBits)
	switch a.Method.Step0 {
	case Equal:
		if !same {
			err = fmt.Errorf("%s: output before the first step should equal the frozen model's in every bit, deviates by %.3g", a.Method.Name, d)
		}
	case Differs:
		if same {
			err = fmt.Errorf("%s: output before the first step should differ from the frozen model's and does not", a.Method.Name)
		}
	case Close:
		err = a.proveClose(w, frozen, output)
	}
	return d, err
}

// proveClose takes the noise out: with the new parameters in the middle of where they are drawn from, a scale of 1 and a shift of 0, nothing
// is rounded and every bit must agree. The noise itself adds up from operation to operation, so it is measured where it is put in: the
// root mean square of n draws from N(0, Noise^2) is off by more than 5 / sqrt(2n) of itself once in a million times.
func (a *Adapter) proveClose(w *layer.Weights, frozen []float32, output Output) error {
	middle := w.Clone()
	n, square := 0, 0.0
	for _, p := range a.Sites.Params {
		if !p.Added {
			continue
		}
		if err := middle.Centre(p.Name); err != nil {
			return fmt.Errorf("%s: %w", a.Method.Name, err)
		}
		start, mean := w.Data(p.Name), middle.Data(p.Name)
		for i := range start {
			d := float64(start[i]) - float64(mean[i])
			square += float64(d * d)
		}
		n += len(start)
	}
	still, err := output(middle, a.Plan)
	if err != nil {
		return err
	}
	d, err := deviation(frozen, still)
	if err != nil {
		return err
	}
	if !slices.EqualFunc(frozen, still, sameBits) {
		return fmt.Errorf("%s: without its noise, output before the first step should equal the frozen model's in every bit, deviates by %.3g", a.Method.Name, d)
	}
	if a.Method.Noise == 0 {
		return nil
	}
	noise := math.Sqrt(square / float64(n))
	if off := math.Abs(noise/a.Method.Noise - 1); !(off <= 5/math.Sqrt(float64(2*n))) {
		return fmt.Errorf("%s: %d new parameters begin with a noise of %.3g, not %.3g", a.Method.Name, n, noise, a.Method.Noise)
	}
	return nil
}

// ErrUnmerged is returned for an adapter of which there is no merged network, or another one. The adapted network is sound without it.
var ErrUnmerged = errors.New("it cannot be merged into the weights")

// ProveMerge merges the adapter into a copy of the weights and compares the outputs of the adapted network and of the merged one; beyond 1e-3
// it is ErrUnmerged. It returns the largest difference relative to the adapted network's largest output, which is infinite where there is no merged
// network or its output is not a number.
func (a *Adapter) ProveMerge(w *layer.Weights, output Output) (float64, error) {
	merged, err := a.Merge(w)
	if err != nil {
		return math.Inf(1), fmt.Errorf("%s: %w: %w", a.Method.Name, ErrUnmerged, err)
	}
	adapted, err := output(w, a.Plan)
	if err != nil {
		return 0, err
	}
	if _, err := deviation(adapted, adapted); err != nil {
		return 0, fmt.Errorf("%s: of the adapted network: %w", a.Method.Name, err)
	}
	plain, err := output(merged, nil)
	if err != nil {
		return 0, err
	}
	d, err := deviation(adapted, plain)
	if errors.Is(err, errNotANumber) {
		d, err = math.Inf(1), nil
	}
	if err == nil && !(d <= mergeBound) {
		err = fmt.Errorf("%s: %w: the merged network deviates by %.3g, more than %.0e", a.Method.Name, ErrUnmerged, d, mergeBound)
	}
	return d, err
}

func sameBits(x, y float32) bool { return math.Float32bits(x) == math.Float32bits(y) }

var errNotANumber = errors.New("is not a number")

// deviation is max |x - y| / max |x|.
func deviation(x, y []float32) (float64, error) {
	if len(x) != len(y) {
		return 0, fmt.Errorf("outputs of %d and of %d numbers", len(x), len(y))
	}
	var diff, size float64
	for i := range x {
		d := math.Abs(float64(x[i]) - float64(y[i]))
		if math.IsNaN(d) {
			return 0, fmt.Errorf("output %d %w", i, errNotANumber)
		}
		diff, size = max(diff, d), max(size, math.Abs(float64(x[i])))
	}
	if diff == 0 {
		return 0, nil
	}
	return diff / size, nil
}
