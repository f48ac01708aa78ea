//go:build nvidia

package optest

import (
	"testing"

	"github.com/pipe-ml/pipe/accel/cuda"
)

func TestCUDAComputesWhatOperatorsMean(t *testing.T) {
	d, err := cuda.Open(0, cuda.Float32)
	if err != nil {
		t.Fatalf("%v (make test-cuda builds the double of the driver and runs on it)", err)
	}
	defer func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}()
	Run(t, d)
}

func FuzzCUDAComputesWhatOperatorsMean(f *testing.F) {
	d, err := cuda.Open(0, cuda.Float32)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = d.Close() })
	Fuzz(f, d)
}
