package optest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/cpu"
)

// lacking is a device without one kernel.
type lacking struct {
	accel.Device
	kernel string
}

func (d lacking) Kernel(name string) (accel.Kernel, error) {
	if name == d.kernel {
		return nil, fmt.Errorf("%s has no kernel %q", d.Name(), name)
	}
	return d.Device.Kernel(name)
}

func TestAKernelThatIsMissingIsToldWithItsPlace(t *testing.T) {
	dev := cpu.New(1)
	defer dev.Close()
	var got []string
	for _, err := range complete([]*Guard{NewGuard(lacking{dev, "silu"})}) {
		got = append(got, err.Error())
	}
	for _, want := range []string{
		`cpu has no kernel "silu": add accel/cpu/silu.go`,
		"no row launches kernel relu on cpu: add one to nn/op/optest/rows_*.go", // none has run
	} {
		if !slices.Contains(got, want) {
			t.Errorf("%q is not told; told is %q", want, got)
		}
	}
}
