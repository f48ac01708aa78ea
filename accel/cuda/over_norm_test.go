//go:build nvidia

package cuda

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/kernel"
)

// The norm by which a weight is divided is that by which DoRA begins, which the processor computes: their quotient must be 1.
func TestTheNormOfARowHasTheProcessorsBits(t *testing.T) {
	d := open(t)
	s := newStream(t, d)
	const rows, cols = 70, 77
	r := rand.New(rand.NewPCG(1, 2))
	values, norms := make([]float32, rows*cols), make([]float32, rows)
	for i := range rows {
		sum := 0.0
		for j := range cols {
			v := float32(r.NormFloat64())
			values[i*cols+j] = v
			sum += float64(v) * float64(v)
		}
		norms[i] = float32(math.Sqrt(sum))
	}
	v, m, y := alloc(t, d, accel.Float32, rows*cols), alloc(t, d, accel.Float32, rows), alloc(t, d, accel.Float32, rows)
	k, err := d.Kernel("over_norm")
	must(t, err)
	must(t, d.CopyIn(s, v, values), d.CopyIn(s, m, norms), d.Launch(s, k, kernel.OverNorm{}, []accel.Tensor{y}, []accel.Tensor{m, v}))
	got := make([]float32, rows)
	must(t, d.CopyOut(s, got, y))
	for i, one := range got {
		if one != 1 {
			t.Errorf("row %d: its norm over its norm is %g", i, one)
		}
	}
	must(t, d.Free(v.Buf), d.Free(m.Buf), d.Free(y.Buf), d.Close())
}
