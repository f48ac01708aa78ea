package diffusion

import (
	"math"
	"testing"

	"github.com/pipe-ml/pipe/accel/rng"
)

func TestCodecRoundTripsAndNormalises(t *testing.T) {
	const n, channels, size = 6, 2, 16
	r := rng.New(1, "codec")
	images := make([]float32, n*channels*size*size)
	for i := range images {
		images[i] = float32(math.Sin(float64(i)/9)) + 0.1*r.Float32()
	}
	c, err := FitCodec(images, n, channels, size, 2)
	if err != nil {
		t.Fatal(err)
	}
	k, side := c.Latent(size)
	if k != 32 || side != 4 {
		t.Fatalf("the latents are [%d, %d, %d]", k, side, side)
	}
	sum, square := make([]float64, k), make([]float64, k)
	for i := range n {
		image := images[i*channels*size*size:][:channels*size*size]
		z := c.encode(image, size)
		for j, v := range z {
			sum[j/(side*side)] += float64(v)
			square[j/(side*side)] += float64(v) * float64(v)
		}
		for j, v := range c.decode(z, size) {
			if math.Abs(float64(v-image[j])) > 1e-5 {
				t.Fatalf("image %d, value %d: %v came back as %v", i, j, image[j], v)
			}
		}
	}
	for j := range sum {
		count := float64(n * side * side)
		if math.Abs(sum[j]/count) > 1e-3 || math.Abs(square[j]/count-1) > 1e-2 {
			t.Errorf("band %d has mean %v and variance %v", j, sum[j]/count, square[j]/count)
		}
	}
}

func TestAFlatBandIsNotBlownUp(t *testing.T) {
	c, err := FitCodec(make([]float32, 64), 1, 1, 8, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range c.Scale {
		if s <= 0 {
			t.Errorf("scale %v", s)
		}
	}
}

func TestCodecRefusesSizesThatDoNotHalve(t *testing.T) {
	if _, err := FitCodec(make([]float32, 36), 1, 1, 6, 2); err == nil {
		t.Error("6 pixels were halved twice")
	}
}
