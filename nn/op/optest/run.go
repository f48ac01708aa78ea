package optest

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/nn/op"
)

// Run holds each device to the definitions of all operators. Devices are the caller's to close.
func Run(t *testing.T, devs ...accel.Device) {
	var guards []*Guard
	for _, d := range devs {
		guards = append(guards, NewGuard(d))
	}
	for _, row := range rows {
		t.Run(row.name(), func(t *testing.T) {
			for _, s := range row.all() {
				in, err := newInstance(row, s)
				if err != nil {
					t.Errorf("size %d: %v", s, err)
					continue
				}
				want, err := in.expect()
				if err != nil {
					t.Errorf("size %d: %v", s, err)
					continue
				}
				for _, g := range guards {
					if err := in.check(g, want); err != nil {
						t.Errorf("size %d on %s %s: %v", s, g.Name(), g.Caps().Model, err)
					}
				}
			}
		})
	}
	for _, u := range updates {
		t.Run(u.Kernel, func(t *testing.T) {
			for _, s := range DefaultSizes {
				for _, g := range guards {
					if _, err := u.run(g, s, true); err != nil {
						t.Errorf("size %d on %s %s: %v", s, g.Name(), g.Caps().Model, err)
					}
				}
			}
		})
	}
	t.Run("complete", func(t *testing.T) { // of its own, since a filter that names one row leaves kernels out
		for _, err := range complete(guards) {
			t.Error(err)
		}
	})
}

// complete lists what was left out of the rows, and what they left behind.
func complete(guards []*Guard) (errs []error) {
	covers := map[string]bool{}
	for _, row := range rows {
		covers[row.Op] = true
	}
	for _, name := range op.Names() {
		if op.Defined(name) && !covers[name] {
			errs = append(errs, fmt.Errorf("operator %s has no row: add one to nn/op/optest/rows_*.go", name))
		}
	}
	for _, g := range guards {
		for _, name := range op.Kernels() {
			if _, err := g.Kernel(name); err != nil {
				errs = append(errs, fmt.Errorf("%w: %s", err, where(g, name)))
			} else if g.Launched(name) == 0 {
				errs = append(errs, fmt.Errorf("no row launches kernel %s on %s: add one to nn/op/optest/rows_*.go", name, g.Name()))
			}
		}
		if m := g.Mem(); m.Buffers != 0 {
			errs = append(errs, fmt.Errorf("%d buffers of %d bytes are left on %s", m.Buffers, m.Live, g.Name()))
		}
	}
	return errs
}

// where says which file a kernel that a device lacks belongs into.
func where(g *Guard, kernel string) string {
	if g.Caps().Kind == "cuda" {
		return "add it to accel/cuda/kernels"
	}
	return fmt.Sprintf("add accel/cpu/%s.go", kernel)
}

// check runs the instance twice on g, and each gradient alone, and compares with what is expected.
func (in *instance) check(g *Guard, want expected) error {
	runs, err := in.run(g, 2, in.outputs()...)
	if err != nil {
		return err
	}
	for i := range runs[0] {
		if at := differ(runs[0][i], runs[1][i]); at >= 0 {
			return fmt.Errorf("output %d changes on the second run: element %d is %g, then %g", i, at, runs[0][i][at], runs[1][i][at])
		}
	}
	for i, value := range want.values {
		if err := compare(runs[0][i], value, in.row.Tol.Value); err != nil {
			return fmt.Errorf("%s: %w", [...]string{"value", "what lies behind the value"}[i], err)
		}
	}
	for i, got := range runs[0][len(want.values):] {
		err := compareSlopes(got, want.probes[i], in.row.Tol.Grad)
		if err == nil && len(in.grads) > 1 {
			err = in.checkAlone(g, i, got)
		}
		if err != nil {
			return fmt.Errorf("gradient of %s %v: %w", in.wrt[i].Name(), in.wrt[i].Shape(), err)
		}
	}
	return nil
}

// checkAlone compares gradient i with itself in a program that computes nothing else.
func (in *instance) checkAlone(g *Guard, i int, got []float32) error {
	alone, err := in.run(g, 1, in.grads[i])
	if err != nil {
		return err
	}
	if at := differ(alone[0][0], got); at >= 0 {
		return fmt.Errorf("computed alone, element %d is %g, not %g", at, alone[0][0][at], got[at])
	}
	return nil
}

// compareSlopes checks a gradient along each probe, within tol of its norm.
func compareSlopes(got []float32, probes []probe, tol float64) error {
	norm := 0.0
	for _, v := range got {
		norm += float64(v) * float64(v)
	}
	bound := tol * max(math.Sqrt(norm), 1e-2)
	for k, p := range probes {
		dot := 0.0
		for i, v := range p.along {
			dot += float64(got[i]) * v
		}
		if d := math.Abs(dot - p.slope); !(d <= bound) {
			return fmt.Errorf("probe %d: slope is %g, it should be %g: off by %.2g, allowed %.2g", k, dot, p.slope, d, bound)
		}
	}
	return nil
}

// compare checks got against want within tol of want's largest magnitude; tol 0 asks for want rounded to float32.
func compare(got []float32, want []float64, tol float64) error {
	if len(got) != len(want) {
		return fmt.Errorf("%d elements, want %d", len(got), len(want))
	}
	scale := 0.1
	for _, w := range want {
		scale = max(scale, math.Abs(w))
	}
	worst, at := 0.0, -1
	for i, w := range want {
		d := math.Abs(float64(got[i]) - w)
		if tol == 0 && got[i] == float32(w) {
			d = 0
		}
		if !(d <= tol*scale) && !(d <= worst) {
			worst, at = d, i
		}
	}
	if at >= 0 {
		return fmt.Errorf("element %d of %d is %g, want %g: off by %.2g, allowed %.2g", at, len(got), got[at], want[at], worst, tol*scale)
	}
	return nil
}

// differ finds the first element whose bits differ; -1 if none.
func differ(a, b []float32) int {
	if len(a) != len(b) {
		return 0
	}
	for i := range a {
		if math.Float32bits(a[i]) != math.Float32bits(b[i]) {
			return i
		}
	}
	return -1
}

// Bits checks that all devices compute the same bits, values and gradients, at each row's sizes and its large one.
func Bits(t *testing.T, devs map[string]accel.Device) {
	names := make([]string, 0, len(devs))
	for n := range devs {
		names = append(names, n)
	}
	slices.Sort(names)
	same := func(t *testing.T, s int, run func(accel.Device) ([][]float32, error)) {
		var first [][]float32
		for _, n := range names {
			values, err := run(devs[n])
			if err != nil {
				t.Fatalf("size %d on %s: %v", s, n, err)
			}
			if first == nil {
				first = values
			}
			for i := range first {
				if at := differ(first[i], values[i]); at >= 0 {
					t.Errorf("size %d, output %d, element %d: %g on %s, %g on %s", s, i, at, first[i][at], names[0], values[i][at], n)
					break
				}
			}
		}
	}
	for _, row := range rows {
		t.Run(row.name(), func(t *testing.T) {
			for _, s := range []int{row.sizes()[len(row.sizes())-1], row.large()} {
				in, err := newInstance(row, s)
				if err != nil {
					t.Fatal(err)
				}
				same(t, s, func(dev accel.Device) ([][]float32, error) {
					runs, err := in.run(dev, 1, in.outputs()...)
					if err != nil {
						return nil, err
					}
					return runs[0], nil
				})
			}
		})
	}
	for _, u := range updates {
		t.Run(u.Kernel, func(t *testing.T) {
			same(t, DefaultLarge, func(dev accel.Device) ([][]float32, error) { return u.run(dev, DefaultLarge, false) })
		})
	}
}
