package diffusion

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/pipe-ml/pipe/accel/cpu"
	"github.com/pipe-ml/pipe/accel/rng"
	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/model"
)

// tinyAutoencoder halves grey images once, into two channels.
func tinyAutoencoder() *Autoencoder {
	return &Autoencoder{Weights: layer.NewWeights(3), Model: &model.AutoencoderKL{
		SampleSize: tinySize, InChannels: 1, OutChannels: 1, LatentChannels: 2, BlockOutChannels: []int{8, 8}, LayersPerBlock: 1,
		DownBlockTypes: []string{"DownEncoderBlock2D", "DownEncoderBlock2D"}, UpBlockTypes: []string{"UpDecoderBlock2D", "UpDecoderBlock2D"},
		NormNumGroups: 4, ScalingFactor: 0.5, ActFn: "silu",
	}}
}

func someImages(n, size int) [][]float32 {
	r, images := rng.New(4, "images"), make([][]float32, n)
	for i := range images {
		images[i] = make([]float32, size*size)
		for j := range images[i] {
			images[i][j] = float32(r.Norm())
		}
	}
	return images
}

func encode(t *testing.T, a *Autoencoder, threads int, images [][]float32) []Posterior {
	t.Helper()
	p, err := a.Encode(context.Background(), cpu.New(threads), images, tinySize)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestTheScalingFactorMultipliesLatents(t *testing.T) {
	a, images := tinyAutoencoder(), someImages(2, tinySize)
	half := encode(t, a, 1, images)
	decoded, err := a.Decode(context.Background(), cpu.New(1), [][]float32{half[0].Mean}, tinySize)
	if err != nil {
		t.Fatal(err)
	}
	a.Model.ScalingFactor = 1
	whole := encode(t, a, 1, images)
	if len(half) != 2 || len(half[0].Mean) != 2*4*4 {
		t.Fatalf("%d posteriors of %d", len(half), len(half[0].Mean))
	}
	for i := range half {
		for j := range half[i].Mean {
			if half[i].Mean[j] != whole[i].Mean[j]/2 || half[i].Std[j] != whole[i].Std[j]/2 || half[i].Std[j] <= 0 {
				t.Fatalf("image %d, %d: %v +- %v and %v +- %v", i, j, half[i].Mean[j], half[i].Std[j], whole[i].Mean[j], whole[i].Std[j])
			}
		}
	}
	again, err := a.Decode(context.Background(), cpu.New(1), [][]float32{whole[0].Mean}, tinySize)
	if err != nil || !slices.Equal(decoded[0], again[0]) || len(decoded[0]) != tinySize*tinySize {
		t.Errorf("decoding does not divide by the factor: %v", err)
	}
}

func TestEncodingAnImageDoesNotDependOnThreadsOrTheOthers(t *testing.T) {
	images := someImages(3, tinySize)
	all, last := encode(t, tinyAutoencoder(), 1, images), encode(t, tinyAutoencoder(), 2, images[2:])
	if !slices.Equal(all[2].Mean, last[0].Mean) || !slices.Equal(all[2].Std, last[0].Std) {
		t.Error("the third image has other latents alone")
	}
}

func TestPosteriorIsSampledAboutItsMean(t *testing.T) {
	p := Posterior{Mean: []float32{1, -2}, Std: []float32{0.5, 2}}
	r, sum, square := rng.New(1, "sample"), [2]float64{}, [2]float64{}
	const n = 4000
	for range n {
		for i, v := range p.Sample(r) {
			d := float64(v - p.Mean[i])
			sum[i] += d / n
			square[i] += d * d / n
		}
	}
	for i := range sum {
		if sd := math.Sqrt(square[i]); math.Abs(sum[i]) > 0.05*float64(p.Std[i]) || math.Abs(sd/float64(p.Std[i])-1) > 0.05 {
			t.Errorf("latent %d: off by %v, deviation %v of %v", i, sum[i], sd, p.Std[i])
		}
	}
	exact, before := Posterior{Mean: []float32{3}}, rng.New(1, "exact")
	if got := exact.Sample(before); got[0] != 3 || before.Uint32() != rng.New(1, "exact").Uint32() {
		t.Error("exact latents drew numbers")
	}
}

func TestAModelTrainsAndSamplesInTheAutoencodersLatents(t *testing.T) {
	tr := lightDark(t, 3)
	a := tinyAutoencoder()
	m := *tr.Model
	m.Codec, m.UNet = a, model.NewUNet(4, 2, tiny.Widths, 1, 1, tiny.TextWidth, 2, 4)
	tr.Model, tr.Latents = &m, encode(t, a, 1, someImages(16, tinySize))
	if _, err := tr.Fit(context.Background(), cpu.New(0)); err != nil {
		t.Fatal(err)
	}
	if images := draw(t, tr.Model, 0, 2); len(images[1]) != tinySize*tinySize {
		t.Errorf("an image of %d pixels", len(images[1]))
	}
	a.Model.BlockOutChannels = []int{6, 8}
	if tr.Model.Validate() == nil {
		t.Error("an autoencoder that cannot be built was accepted")
	}
}
