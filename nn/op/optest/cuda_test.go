//go:build nvidia

package optest

import (
	"testing"

	"github.com/pipe-ml/pipe/accel/cuda"
)

// missing are the kernels that package cuda has yet to get, by family. Who adds one takes it off the list.
var missing = []string{
	// attention
	// batch norm
	// convolution
	// dropout
	"dropout.train",
	// embedding
	"embedding", "embedding.dw",
	// group norm
	// layout
	"concat", "permute", "slice", "slice.dx",
	// losses
	"bce_with_logits", "bce_with_logits.dx",
	"mse_loss", "mse_loss.dx",
	"soft_cross_entropy", "soft_cross_entropy.dx",
	// over norm
	// pooling
	"avg_pool2d", "avg_pool2d.dx",
	"global_avg_pool2d", "global_avg_pool2d.dx",
	"max_pool2d", "max_pool2d.dx",
	// upsampling
	"upsample_bilinear2d", "upsample_bilinear2d.dx",
	"upsample_nearest2d", "upsample_nearest2d.dx",
}

func TestCUDAComputesWhatOperatorsMean(t *testing.T) {
	d, err := cuda.Open(0)
	if err != nil {
		t.Fatalf("%v (make test-cuda builds the double of the driver and runs on it)", err)
	}
	defer func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}()
	RunWithout(t, missing, d)
}

func FuzzCUDAComputesWhatOperatorsMean(f *testing.F) {
	d, err := cuda.Open(0)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = d.Close() })
	Fuzz(f, d)
}
