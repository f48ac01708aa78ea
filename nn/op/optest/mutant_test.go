package optest

import (
	"strings"
	"testing"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/cpu"
)

// mutant is a device with a mistake: after each launch of the kernels it is for, it spoils something.
type mutant struct {
	accel.Device
	kernel   string
	launches int
	spoil    func(m *mutant, s accel.Stream, out, in []accel.Tensor) error
}

func (m *mutant) Launch(s accel.Stream, k accel.Kernel, attrs any, out, in []accel.Tensor) error {
	if err := m.Device.Launch(s, k, attrs, out, in); err != nil || k.Name() != m.kernel {
		return err
	}
	m.launches++
	return m.spoil(m, s, out, in)
}

// poke changes element i of t, which may lie outside of it.
func (m *mutant) poke(s accel.Stream, t accel.Tensor, i int, f func(float32) float32) error {
	t.Off, t.Shape = t.Off+i, []int{1}
	v := make([]float32, 1)
	if err := m.CopyOut(s, v, t); err != nil {
		return err
	}
	v[0] = f(v[0])
	return m.CopyIn(s, t, v)
}

func TestSuiteCatchesMutants(t *testing.T) {
	plus := func(d float32) func(float32) float32 { return func(v float32) float32 { return v + d } }
	zero := func(float32) float32 { return 0 }
	for _, c := range []struct {
		name, kernel string
		want         string // part of the finding
		spoil        func(m *mutant, s accel.Stream, out, in []accel.Tensor) error
	}{
		{"writes before its output", "linear", "outside of output 0", func(m *mutant, s accel.Stream, out, in []accel.Tensor) error {
			return m.poke(s, out[0], -1, zero)
		}},
		{"writes behind its output", "linear", "outside of output 0", func(m *mutant, s accel.Stream, out, in []accel.Tensor) error {
			return m.poke(s, out[0], out[0].Len(), zero)
		}},
		{"changes an input", "linear", "changed input 1", func(m *mutant, s accel.Stream, out, in []accel.Tensor) error {
			return m.poke(s, in[1], 2, plus(1e-3))
		}},
		{"gets one element wrong", "linear", "value", func(m *mutant, s accel.Stream, out, in []accel.Tensor) error {
			return m.poke(s, out[0], out[0].Len()-1, plus(1e-3))
		}},
		{"is not reproducible", "linear", "second run", func(m *mutant, s accel.Stream, out, in []accel.Tensor) error {
			return m.poke(s, out[0], 0, plus(float32(m.launches)*1e-6))
		}},
		{"has a gradient of zeros", "linear.dx", "gradient of in0", func(m *mutant, s accel.Stream, out, in []accel.Tensor) error {
			return m.CopyIn(s, out[0], make([]float32, out[0].Len()))
		}},
		{"gets one gradient wrong", "linear.dw", "gradient of in1", func(m *mutant, s accel.Stream, out, in []accel.Tensor) error {
			return m.poke(s, out[0], out[0].Len()/2, plus(1e-2))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dev := cpu.New(1)
			defer dev.Close()
			for _, row := range rows {
				if row.name() != "linear over rows" {
					continue
				}
				in, err := newInstance(row, 17)
				if err != nil {
					t.Fatal(err)
				}
				want, err := in.expect()
				if err != nil {
					t.Fatal(err)
				}
				err = in.check(NewGuard(&mutant{Device: dev, kernel: c.kernel, spoil: c.spoil}), want)
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("the suite finds %v, want %q", err, c.want)
				}
				return
			}
			t.Error("the row is gone")
		})
	}
}
