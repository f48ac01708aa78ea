package optest

import (
	"fmt"
	"testing"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/cpu"
)

func TestCPUComputesWhatOperatorsMean(t *testing.T) {
	var devs []accel.Device
	for _, level := range cpu.Levels() {
		devs = append(devs, open(t, 2, level))
	}
	Run(t, devs...)
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

func BenchmarkCPU(b *testing.B) {
	d := cpu.New(0)
	defer d.Close()
	Bench(b, d)
}

func FuzzCPUComputesWhatOperatorsMean(f *testing.F) {
	var devs []accel.Device
	for _, level := range cpu.Levels() {
		d, err := cpu.NewLevel(2, level)
		if err != nil {
			f.Fatal(err)
		}
		f.Cleanup(func() { _ = d.Close() })
		devs = append(devs, d)
	}
	Fuzz(f, devs...)
}
