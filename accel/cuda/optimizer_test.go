//go:build nvidia

package cuda

import (
	"math"
	"slices"
	"testing"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/kernel"
)

// One launch for all parameters does what a launch for each does, to the bit: with none, one, some and several parts of elements, and
// a rate and a decay of its own for each.
func TestAdamWOfManyParametersIsThatOfEach(t *testing.T) {
	d := open(t)
	s := newStream(t, d)
	a := kernel.AdamWEach{
		AdamW: kernel.AdamW{Beta1: 0.9, Beta2: 0.99, Eps: 1e-8, Scale: 0.5},
		LR:    []float32{0.1, 0.2, 0.3, 0.4}, WeightDecay: []float32{0, 0.1, 0, 0.3},
	}
	sizes := []int{0, 1, 300, 2*partMost + 7}
	one, many := [][]accel.Tensor{}, []accel.Tensor{}
	var grads []accel.Tensor
	fill := func(n, seed int) []float32 {
		data := make([]float32, n)
		for i := range data {
			data[i] = float32(math.Sin(float64(i*7 + seed)))
		}
		return data
	}
	for i, n := range sizes {
		grad := alloc(t, d, accel.Float32, n)
		must(t, d.CopyIn(s, grad, fill(n, i)))
		grads = append(grads, grad)
		var state []accel.Tensor
		for k := range 6 {
			x := alloc(t, d, accel.Float32, n)
			if k%3 == 0 {
				must(t, d.CopyIn(s, x, fill(n, 50+i)))
			}
			state = append(state, x)
		}
		one, many = append(one, state[:3]), append(many, state[3:]...)
	}
	for step := 1; step <= 3; step++ {
		a.Step = step
		must(t, d.Launch(s, table["adamw.each"], a, many, grads))
		for i := range sizes {
			b := a.AdamW
			b.LR, b.WeightDecay = a.LR[i], a.WeightDecay[i]
			must(t, d.Launch(s, table["adamw"], b, one[i], grads[i:i+1]))
		}
	}
	for i, x := range slices.Concat(one...) {
		want, got := make([]float32, x.Len()), make([]float32, x.Len())
		must(t, d.CopyOut(s, want, x), d.CopyOut(s, got, many[i]))
		if !slices.Equal(want, got) {
			t.Errorf("operand %d of parameter %d differs", i%3, i/3)
		}
		must(t, d.Free(x.Buf), d.Free(many[i].Buf))
	}
	for _, x := range grads {
		must(t, d.Free(x.Buf))
	}
	must(t, d.Close())
}
