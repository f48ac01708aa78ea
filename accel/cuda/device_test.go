//go:build nvidia

package cuda

import (
	"testing"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/acceltest"
)

func TestDeviceKeepsTheContract(t *testing.T) {
	acceltest.Run(t, func() accel.Device { return open(t) })
}

func open(t *testing.T) *Device {
	t.Helper()
	d, err := Open(0)
	if err != nil {
		t.Fatalf("%v (make test-cuda builds the double of the driver and runs on it)", err)
	}
	return d.(*Device)
}
