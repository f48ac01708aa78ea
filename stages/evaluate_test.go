package stages

import (
	"image"
	"image/color"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pipe-ml/pipe/stages/artifact"
)

// judged is films of two views, a network of them, and folders to write to.
type judged struct {
	t             *testing.T
	data, network string
	images        *artifact.Images
}

func newJudged(t *testing.T) judged {
	t.Helper()
	set, _ := makeOf(t, "dataset", map[string]any{"attributes": []string{"view"}}, map[string]string{"source": "phantom://chestxray?count=40&size=64"}, "data")
	j := judged{t: t}
	j.data, _ = makeOf(t, "preprocess", map[string]any{"size": 64, "split": map[string]float64{"train": .4, "val": .2, "test": .4}}, map[string]string{"data": set}, "images")
	j.network, _ = makeOf(t, "pretrain", map[string]any{"model": "resnet10_64", "steps": 2, "batch_size": 4}, map[string]string{"data": j.data}, "model")
	var err error
	if j.images, err = artifact.ReadImages(j.data); err != nil {
		t.Fatal(err)
	}
	return j
}

// samples writes real images as if they were drawn, changed by how.
func (j judged) samples(rows []int, how func(i int, img *image.Gray) image.Image) string {
	j.t.Helper()
	var records []artifact.Sample
	var images []image.Image
	for i, row := range rows {
		img, ok := pixelImage(j.images.Image(row), 1, j.images.Info.Size).(*image.Gray)
		if !ok {
			j.t.Fatal("the films are not grey")
		}
		images = append(images, how(i, img))
		records = append(records, artifact.Sample{Prompt: j.images.Records[row].Caption})
	}
	dir := filepath.Join(j.t.TempDir(), "samples")
	if err := artifact.WriteSamples(dir, artifact.SamplesInfo{Sampler: "ddim", Steps: 1}, records, images, 1, 1); err != nil {
		j.t.Fatal(err)
	}
	return dir
}

func asItIs(_ int, img *image.Gray) image.Image { return img }

// score evaluates; inputs are added to the data.
func (j judged) score(config map[string]any, inputs map[string]string) (artifact.Metrics, *recorder) {
	j.t.Helper()
	all := map[string]string{"data": j.data}
	for name, path := range inputs {
		all[name] = path
	}
	out, r := makeOf(j.t, "evaluate", config, all, "metrics")
	m, err := artifact.ReadMetrics(out)
	if err != nil {
		j.t.Fatal(err)
	}
	return m, r
}

var ofSamples = []string{
	"fid", "kid", "kid_blocks", "precision", "recall", "density", "coverage", "memorisation", "memorisation_pixels", "ms_ssim", "ms_ssim_nearest",
}

func TestGeneratedImagesAreJudgedWhateverTheirOrderAndBatch(t *testing.T) {
	j := newJudged(t)
	rows := j.images.Split(artifact.Test)
	brighter := func(_ int, img *image.Gray) image.Image {
		out := image.NewGray(img.Rect)
		for i, v := range img.Pix {
			out.Pix[i] = min(v, 225) + 30
		}
		return out
	}
	inputs := map[string]string{"samples": j.samples(rows, brighter), "extractor": j.network}
	config := map[string]any{"metrics": ofSamples, "bootstrap": 10, "neighbours": 2}
	first, r := j.score(config, inputs)
	if log := strings.Join(r.lines, "\n"); !strings.Contains(log, "extractor resnet10_64, weights ") || !strings.Contains(log, "fid of ") {
		t.Errorf("the log does not tell what the figures hang on:\n%s", log)
	}
	slices.Reverse(rows)
	inputs["samples"] = j.samples(rows, brighter)
	config["batch_size"] = 3
	again, _ := j.score(config, inputs)
	for _, name := range ofSamples {
		if name != "ms_ssim" && name != "ms_ssim_nearest" && first[name].Value != again[name].Value {
			t.Errorf("%s is %v, in another order and batch %v", name, first[name].Value, again[name].Value)
		}
	}
	// Published weights of the same network see the same.
	inputs["extractor"] = filepath.Join(j.network, "model.safetensors")
	config["architecture"] = "resnet10_64"
	published, _ := j.score(config, inputs)
	if published["features"].Value != first["features"].Value || published["fid"].Value == 0 {
		t.Errorf("published weights give %v features and fid %v", published["features"].Value, published["fid"].Value)
	}
}

func TestASetIsAtNoDistanceFromItself(t *testing.T) {
	j := newJudged(t)
	rows := j.images.Split(artifact.Test)
	m, _ := j.score(map[string]any{"metrics": ofSamples, "bootstrap": 10, "neighbours": 1}, map[string]string{"samples": j.samples(rows, asItIs), "extractor": j.network})
	for name, want := range map[string]float64{"fid": 0, "precision": 1, "recall": 1, "coverage": 1} {
		if m[name].Value != want {
			t.Errorf("%s is %v, want %v", name, m[name].Value, want)
		}
	}
	copies, _ := j.score(map[string]any{"metrics": []string{"memorisation", "memorisation_pixels", "ms_ssim_nearest"}, "bootstrap": 10},
		map[string]string{"samples": j.samples(j.images.Split(artifact.Train), asItIs), "extractor": j.network})
	if copies["memorisation"].Value != 0 || copies["memorisation_pixels"].High != 0 || copies["ms_ssim_nearest"].Value < 1-1e-9 {
		t.Errorf("copies of training images: %+v", copies)
	}
}

func TestSamplesOfOtherSizesAndColoursAreJudged(t *testing.T) {
	j := newJudged(t)
	mixed := j.samples(j.images.Split(artifact.Test), func(i int, img *image.Gray) image.Image {
		switch i % 3 {
		case 0:
			return img
		case 1:
			out := image.NewRGBA(image.Rect(0, 0, 96, 80))
			for y := range 80 {
				for x := range 96 {
					out.Set(x, y, color.RGBA{uint8(2 * x), uint8(2 * y), 90, 255})
				}
			}
			return out
		}
		return img.SubImage(image.Rect(3, 5, 40, 50))
	})
	m, _ := j.score(map[string]any{"metrics": []string{"fid", "kid", "ms_ssim"}, "bootstrap": 10}, map[string]string{"samples": mixed, "extractor": j.network})
	if !(m["fid"].Value > 0) || !(m["ms_ssim"].Value > 0) {
		t.Errorf("%+v", m)
	}
}

func TestGroupsAreCompared(t *testing.T) {
	j := newJudged(t)
	m, r := j.score(map[string]any{"metrics": []string{"accuracy", "ece"}, "groups": "view", "bootstrap": 50}, map[string]string{"model": j.network})
	if m["groups"].Value != 2 || m["accuracy_gap"].Value < 0 || m["accuracy_worst_group"].Value > m["accuracy"].Value || m["ece_worst_group"].Value < m["ece_gap"].Value {
		t.Errorf("%+v", m)
	}
	if log := strings.Join(r.lines, "\n"); !strings.Contains(log, "accuracy of view AP: ") || !strings.Contains(log, "accuracy of view PA: ") {
		t.Errorf("the groups are not told:\n%s", log)
	}
	_, _, err := tryOf(t, "evaluate", map[string]any{"metrics": []string{"accuracy"}, "groups": "sex"}, map[string]string{"data": j.data, "model": j.network}, "metrics")
	if err == nil || !strings.Contains(err.Error(), `0 values of "sex"`) || !strings.Contains(err.Error(), "they have the columns: view") {
		t.Errorf("a column that is not there: %v", err)
	}
	_, _, err = tryOf(t, "dataset", map[string]any{"attributes": []string{"sex"}}, map[string]string{"source": "phantom://chestxray?count=4&size=64"}, "data")
	if err == nil || !strings.Contains(err.Error(), `no image of chestxray has "sex"; there are: view`) {
		t.Errorf("an attribute that is not there: %v", err)
	}
}
