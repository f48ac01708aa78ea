package optest

import (
	"slices"
	"strings"
	"testing"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/cpu"
	"github.com/pipe-ml/pipe/accel/kernel"
)

// mutant is a device with a mistake in one kernel: it launches it with other attributes, or spoils something after the launch.
type mutant struct {
	accel.Device
	kernel   string
	launches int
	attrs    func(any) any
	spoil    func(m *mutant, s accel.Stream, out, in []accel.Tensor) error
}

func (m *mutant) Launch(s accel.Stream, k accel.Kernel, attrs any, out, in []accel.Tensor) error {
	if k.Name() != m.kernel {
		return m.Device.Launch(s, k, attrs, out, in)
	}
	m.launches++
	if m.attrs != nil {
		attrs = m.attrs(attrs)
	}
	if err := m.Device.Launch(s, k, attrs, out, in); err != nil || m.spoil == nil {
		return err
	}
	return m.spoil(m, s, out, in)
}

// poke changes element i of t, which may lie outside of it.
func (m *mutant) poke(s accel.Stream, t accel.Tensor, i int, f func(float32) float32) error {
	t.Off, t.Shape = t.Off+i, []int{1}
	return m.rewrite(s, t, func(v []float32) { v[0] = f(v[0]) })
}

// rewrite changes the elements of t.
func (m *mutant) rewrite(s accel.Stream, t accel.Tensor, f func(v []float32)) error {
	v := make([]float32, t.Len())
	if err := m.CopyOut(s, v, t); err != nil {
		return err
	}
	f(v)
	return m.CopyIn(s, t, v)
}

func TestSuiteCatchesMutants(t *testing.T) {
	type spoil = func(m *mutant, s accel.Stream, out, in []accel.Tensor) error
	plus := func(d float32) func(float32) float32 { return func(v float32) float32 { return v + d } }
	zero := func(float32) float32 { return 0 }
	// zeros clears a part of the output, from and to being shares of it.
	zeros := func(from, to float64) spoil {
		return func(m *mutant, s accel.Stream, out, _ []accel.Tensor) error {
			n := float64(out[0].Len())
			return m.rewrite(s, out[0], func(v []float32) { clear(v[int(from*n):int(to*n)]) })
		}
	}
	// stride lays the rows of the output one element too far apart.
	stride := func(m *mutant, s accel.Stream, out, _ []accel.Tensor) error {
		width := out[0].Shape[len(out[0].Shape)-1]
		return m.rewrite(s, out[0], func(v []float32) {
			right := slices.Clone(v)
			for i := range v {
				v[min(i+i/width, len(v)-1)] = right[i]
			}
		})
	}
	for _, c := range []struct {
		name, row string
		size      int
		kernel    string
		want      string // part of the finding
		attrs     func(any) any
		spoil     spoil
	}{
		{"writes before its output", "linear over rows", 17, "linear", "outside of output 0", nil, func(m *mutant, s accel.Stream, out, in []accel.Tensor) error {
			return m.poke(s, out[0], -1, zero)
		}},
		{"writes behind its output", "linear over rows", 17, "linear", "outside of output 0", nil, func(m *mutant, s accel.Stream, out, in []accel.Tensor) error {
			return m.poke(s, out[0], out[0].Len(), zero)
		}},
		{"changes an input", "linear over rows", 17, "linear", "changed input 1", nil, func(m *mutant, s accel.Stream, out, in []accel.Tensor) error {
			return m.poke(s, in[1], 2, plus(1e-3))
		}},
		{"gets one element wrong", "linear over rows", 17, "linear", "value", nil, func(m *mutant, s accel.Stream, out, in []accel.Tensor) error {
			return m.poke(s, out[0], out[0].Len()-1, plus(1e-3))
		}},
		{"is not reproducible", "linear over rows", 17, "linear", "second run", nil, func(m *mutant, s accel.Stream, out, in []accel.Tensor) error {
			return m.poke(s, out[0], 0, plus(float32(m.launches)*1e-6))
		}},
		{"gets one gradient wrong", "linear over rows", 17, "linear.dw", "gradient of in1", nil, func(m *mutant, s accel.Stream, out, in []accel.Tensor) error {
			return m.poke(s, out[0], out[0].Len()/2, plus(1e-2))
		}},
		{"has no gradient", "linear over rows", 17, "linear.dx", "gradient of in0", nil, zeros(0, 1)},
		{"has no gradient of a sum that does not depend on it", "layer_norm of tokens", 17, "layer_norm.dx", "gradient of in0", nil, zeros(0, 1)},
		{"has no gradient of the gain", "layer_norm of tokens", 17, "layer_norm.dparams", "gradient of in1", nil, zeros(0, .5)},
		{"has no gradient of the bias", "group_norm of images", 5, "group_norm.dparams", "gradient of in2", nil, zeros(.5, 1)},
		{"has rows too far apart", "conv2d uneven", 9, "conv2d", "value", nil, stride},
		{"has rows of a gradient too far apart", "conv2d uneven", 9, "conv2d.dx", "gradient of in0", nil, stride},
		{"begins a column late", "conv2d uneven", 9, "conv2d.dw", "gradient of in1", func(a any) any {
			c := a.(kernel.Conv2d)
			c.PadLeft, c.PadRight = c.PadLeft-1, c.PadRight+1
			return c
		}, nil},
		{"counts padding", "avg_pool2d padded, elements inside", 7, "avg_pool2d", "value", func(a any) any {
			p := a.(kernel.Pool2d)
			p.ExcludePad = false
			return p
		}, nil},
		{"has another eps", "layer_norm of nearly constant rows", 16, "layer_norm", "value", func(any) any { return kernel.LayerNorm{Eps: 1e-6} }, nil},
		{"has another eps in its gradient", "layer_norm of nearly constant rows", 16, "layer_norm.dx", "gradient of in0", func(any) any { return kernel.LayerNorm{Eps: 1e-6} }, nil},
		{"has another eps by groups", "group_norm of nearly constant groups", 5, "group_norm", "value", func(any) any { return kernel.GroupNorm{Groups: 2, Eps: 1e-6} }, nil},
		{"has another eps by channels", "batch_norm.train of images", 5, "batch_norm.train", "value", func(any) any { return kernel.BatchNorm{Eps: 1e-5} }, nil},
		{"keeps a biased variance", "batch_norm.train of images", 5, "batch_norm.train", "behind the value", nil, func(m *mutant, s accel.Stream, out, in []accel.Tensor) error {
			n, c := in[0].Len(), in[1].Len()
			biased := float32(n/c-1) / float32(n/c)
			return m.rewrite(s, out[1], func(v []float32) {
				for i := c; i < 2*c; i++ {
					v[i] *= biased
				}
			})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dev := cpu.New(1)
			defer dev.Close()
			i := slices.IndexFunc(rows, func(r Row) bool { return r.name() == c.row })
			if i < 0 {
				t.Fatalf("row %q is gone", c.row)
			}
			in, err := newInstance(rows[i], c.size)
			if err != nil {
				t.Fatal(err)
			}
			want, err := in.expect()
			if err != nil {
				t.Fatal(err)
			}
			if err := in.check(NewGuard(dev), want); err != nil {
				t.Fatalf("without the mistake: %v", err)
			}
			err = in.check(NewGuard(&mutant{Device: dev, kernel: c.kernel, attrs: c.attrs, spoil: c.spoil}), want)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the suite finds %v, want %q", err, c.want)
			}
		})
	}
}

func TestSuiteCatchesAnotherEpsOfAdamW(t *testing.T) {
	dev := cpu.New(1)
	defer dev.Close()
	i := slices.IndexFunc(updates, func(u Update) bool { return u.Kernel == "adamw" })
	m := &mutant{Device: dev, kernel: "adamw", attrs: func(a any) any {
		w := a.(kernel.AdamW)
		w.Eps = 1e-8
		return w
	}}
	if _, err := updates[i].run(NewGuard(m), 17, true); err == nil {
		t.Error("the suite finds nothing")
	}
}
