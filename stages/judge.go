package stages

import (
	"context"
	"errors"
	"image"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/model"
	"github.com/pipe-ml/pipe/nn/program"
	"github.com/pipe-ml/pipe/nn/train"
	"github.com/pipe-ml/pipe/stages/artifact"
)

// judgement is what a classifier makes of images, row by row.
type judgement struct {
	probs    [][]float64 // [n][classes]
	features [][]float64 // [n][d]
}

// judge runs a classifier on the images of set at rows, nil meaning all.
func judge(ctx context.Context, dev accel.Device, c *artifact.Classifier, set train.Images, rows []int, batch int) (j judgement, err error) {
	if c.Model.Classes() == 0 {
		return j, errors.New("the classifier has no classes")
	}
	out, err := predict(ctx, dev, c.Model, c.Weights, c.Plan(), set, rows, batch)
	if err != nil {
		return j, err
	}
	for _, logits := range split(out.Logits, c.Model.Classes()) {
		if c.Info.MultiLabel {
			j.probs = append(j.probs, sigmoid(logits))
		} else {
			j.probs = append(j.probs, softmax(logits))
		}
	}
	n := len(j.probs)
	for _, features := range split(out.Features, len(out.Features)/n) {
		row := make([]float64, len(features))
		for i, v := range features {
			row[i] = float64(v)
		}
		j.features = append(j.features, row)
	}
	return j, nil
}

// predict runs a classifier's network on w with the edits of plan, nil being the model without any.
func predict(ctx context.Context, dev accel.Device, m model.Classifier, w *layer.Weights, plan *layer.Plan, set train.Images, rows []int, batch int) (out train.Prediction, err error) {
	mem := program.NewMemory(dev)
	defer func() { err = errors.Join(err, mem.Close()) }()
	p, err := train.NewPredictor(mem, m, w, plan, batch)
	if err != nil {
		return out, err
	}
	out, err = p.Predict(ctx, set, rows)
	return out, errors.Join(err, p.Close())
}

// split cuts x into rows.
func split(x []float32, width int) [][]float32 {
	var rows [][]float32
	for ; len(x) > 0; x = x[width:] {
		rows = append(rows, x[:width])
	}
	return rows
}

// sampleImages reads generated images and brings them to the size and channels of the real ones by the filter that
// preprocess uses.
func sampleImages(dir string, samples []artifact.Sample, size, channels int) (train.Images, error) {
	n := channels * size * size
	out := train.Images{Size: size, Channels: channels, Pixels: make([]byte, len(samples)*n), Labels: make([]int32, len(samples))}
	for i, s := range samples {
		img, err := artifact.OpenSample(dir, s)
		if err != nil {
			return out, err
		}
		resize(out.Pixels[i*n:(i+1)*n], img, size, channels, "stretch", 1)
		out.Labels[i] = -1
	}
	return out, nil
}

// resized brings images to another size by the same filter.
func resized(set train.Images, size int) train.Images {
	if set.Size == size {
		return set
	}
	from, to := set.Channels*set.Size*set.Size, set.Channels*size*size
	out := train.Images{Size: size, Channels: set.Channels, Pixels: make([]byte, set.Len()*to), Labels: set.Labels}
	for i := range set.Len() {
		img := pixelImage(set.Pixels[i*from:(i+1)*from], set.Channels, set.Size)
		resize(out.Pixels[i*to:(i+1)*to], img, size, set.Channels, "stretch", 1)
	}
	return out
}

// pixelImage is an image of pixels [channels, size, size].
func pixelImage(pixels []byte, channels, size int) image.Image {
	area := size * size
	if channels == 1 {
		return &image.Gray{Pix: pixels, Stride: size, Rect: image.Rect(0, 0, size, size)}
	}
	img := image.NewRGBA(image.Rect(0, 0, size, size))
	for i := range area {
		img.Pix[4*i], img.Pix[4*i+1], img.Pix[4*i+2], img.Pix[4*i+3] = pixels[i], pixels[area+i], pixels[2*area+i], 255
	}
	return img
}
