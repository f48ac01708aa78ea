package optest

import (
	"fmt"
	"testing"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/cpu"
)

func TestCPUComputesWhatOperatorsMean(t *testing.T) {
	for _, level := range cpu.Levels() {
		t.Run(level, func(t *testing.T) { Run(t, open(t, 2, level)) })
	}
}

func TestCPUBitsDependOnNeitherThreadsNorVectors(t *testing.T) {
	devs := map[string]accel.Device{}
	for _, level := range cpu.Levels() {
		for _, threads := range []int{1, 2, 8} {
			devs[fmt.Sprintf("%s with %d threads", level, threads)] = open(t, threads, level)
		}
	}
	Bits(t, devs)
}

func open(t *testing.T, threads int, level string) accel.Device {
	t.Helper()
	d, err := cpu.NewLevel(threads, level)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}
