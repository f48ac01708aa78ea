package artifact

import (
	"context"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pipe-ml/pipe/accel/cpu"
	"github.com/pipe-ml/pipe/nn/peft"
	"github.com/pipe-ml/pipe/nn/program"
	"github.com/pipe-ml/pipe/nn/train"
)

// sharedData is a folder of the data beside the repository, or "" where there is none.
func sharedData(t *testing.T, parts ...string) string {
	t.Helper()
	root := os.Getenv("PIPE_SHARED_DATA")
	for dir, _ := os.Getwd(); root == "" && dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "shared", "data")); err == nil {
			root = filepath.Join(dir, "shared", "data")
		}
	}
	path := filepath.Join(append([]string{root}, parts...)...)
	if _, err := os.Stat(path); root == "" || err != nil {
		t.Logf("no %s: the published weights are not tested", filepath.Join(parts...))
		return ""
	}
	return path
}

const seen = 96 // pixels a side

// look samples an image file down to seen x seen grey pixels.
func look(t *testing.T, path string) []byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var img image.Image
	if strings.HasSuffix(path, ".png") {
		img, err = png.Decode(f)
	} else {
		img, err = jpeg.Decode(f)
	}
	if err != nil {
		t.Fatal(err)
	}
	b := img.Bounds()
	out := make([]byte, seen*seen)
	for i := range out {
		x, y := b.Min.X+i%seen*b.Dx()/seen, b.Min.Y+i/seen*b.Dy()/seen
		out[i] = color.GrayModel.Convert(img.At(x, y)).(color.Gray).Y
	}
	return out
}

// some are the first n files that match.
func some(t *testing.T, n int, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) < n {
		t.Fatalf("%s: %d files, %v", pattern, len(files), err)
	}
	return files[:n]
}

// features are the backbone's of grey images, one row each.
func features(t *testing.T, c *Classifier, threads int, images [][]byte) [][]float32 {
	t.Helper()
	set := train.Images{Size: seen, Channels: 1, Labels: make([]int32, len(images)), Pixels: slices.Concat(images...)}
	p, err := train.NewPredictor(program.NewMemory(cpu.New(threads)), c.Model, c.Weights, c.Plan(), len(images))
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.Predict(context.Background(), set, nil)
	if err != nil {
		t.Fatal(err)
	}
	width := len(out.Features) / len(images)
	return slices.Collect(slices.Chunk(out.Features, width))
}

func cosine(a, b []float32) float64 {
	var ab, aa, bb float64
	for i := range a {
		ab += float64(a[i]) * float64(b[i])
		aa += float64(a[i]) * float64(a[i])
		bb += float64(b[i]) * float64(b[i])
	}
	return ab / math.Sqrt(aa*bb)
}

func TestPublishedMobileNetTellsKindsOfImagesApart(t *testing.T) {
	weights := sharedData(t, "mobilenet_v1_imagenet")
	chest := sharedData(t, "kermany_chest_xray", "chest_xray", "test")
	breast := sharedData(t, "busi", "Dataset_BUSI_with_GT")
	if weights == "" || chest == "" || breast == "" {
		return
	}
	b, err := OpenBackbone(weights, "")
	if err != nil {
		t.Fatal(err)
	}
	c, err := b.Classifier(twoClasses, seen, 1)
	if err != nil {
		t.Fatal(err)
	}
	var images [][]byte
	for _, path := range slices.Concat(some(t, 3, chest+"/NORMAL/*.jpeg"), some(t, 3, breast+"/benign/*.png")) {
		images = append(images, look(t, path))
	}
	f := features(t, c, 2, images)
	within, across := 0.0, 0.0
	for i := range f {
		for j := range i {
			if (i < 3) == (j < 3) {
				within += cosine(f[i], f[j]) / 6
			} else {
				across += cosine(f[i], f[j]) / 9
			}
		}
		for k, v := range f[i] {
			if v < 0 || v > 6 {
				t.Fatalf("image %d, feature %d is %v: a mean of ReLU6 cannot be", i, k, v)
			}
		}
	}
	t.Logf("mean cosine within a kind %.3f, across kinds %.3f", within, across)
	if within < across+0.05 {
		t.Errorf("features are as alike within a kind (%v) as across kinds (%v)", within, across)
	}
	if again := features(t, c, 1, images); !slices.EqualFunc(f, again, slices.Equal) {
		t.Error("other features with one thread")
	}

	// A fine-tuned copy carries the converted weights.
	if c.Adapter, err = peft.Prepare(c.Network, c.Weights, peft.Options{Method: "norm"}); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := b.WriteFineTuned(dir, c); err != nil {
		t.Fatal(err)
	}
	back, err := ReadClassifier(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := features(t, back, 2, images[:1]); !slices.Equal(got[0], f[0]) {
		t.Error("the written model sees something else")
	}
}
