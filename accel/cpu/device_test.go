package cpu_test

import (
	"testing"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/acceltest"
	"github.com/pipe-ml/pipe/accel/cpu"
)

func TestDeviceKeepsTheContract(t *testing.T) {
	acceltest.Run(t, func() accel.Device { return cpu.New(2) })
}

func TestCloseReportsLeaks(t *testing.T) {
	d := cpu.New(1)
	if _, err := d.Alloc(accel.Float32, 10); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err == nil {
		t.Error("a live buffer was not reported")
	}
	if err := d.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
}

func TestAnUnknownLevelIsAnError(t *testing.T) {
	if _, err := cpu.NewLevel(1, "avx1024"); err == nil {
		t.Error("level avx1024 was opened")
	}
}
