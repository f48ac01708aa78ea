package stages

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/rng"
	"github.com/pipe-ml/pipe/nn/metric"
	"github.com/pipe-ml/pipe/nn/train"
	"github.com/pipe-ml/pipe/stages/artifact"
)

// The metrics of generated images that need no extractor, and those by neighbours.
var (
	pixelMetrics    = []string{"memorisation_pixels", "ms_ssim", "ms_ssim_nearest"}
	manifoldMetrics = []string{"precision", "recall", "density", "coverage"}
)

const (
	enoughForFID  = 2048 // images, below which FID is flagged: its bias grows as they become fewer
	kidBlocks     = 100
	similarPairs  = 1000 // pairs of generated images that ms_ssim compares at most
	defaultNearby = 5    // Naeem et al.'s
)

// scoreSamples compares the generated images with the real ones of the split.
func (e *evaluate) scoreSamples(ctx context.Context, r Reporter, dev accel.Device, data *artifact.Images, names []string, result artifact.Metrics) error {
	info, samples, err := artifact.ReadSamples(e.Samples.Path)
	if err != nil {
		return err
	}
	rows := data.Split(e.Split)
	if _, _, ofFeatures := e.byInput(); len(ofFeatures) > 0 {
		if err := e.scoreFeatures(ctx, r, dev, data, rows, samples, ofFeatures, result); err != nil {
			return err
		}
	}
	if err := e.scorePixels(ctx, r, data, samples, names, result); err != nil {
		return err
	}
	prompts := map[string]bool{}
	for _, s := range samples {
		prompts[s.Prompt] = true
	}
	result["real_images"] = exactly(float64(len(rows)))
	result["generated_images"] = exactly(float64(len(samples)))
	result["prompts"] = exactly(float64(len(prompts)))
	result["sampler_steps"] = exactly(float64(info.Steps))
	result["guidance"] = exactly(info.Guidance)
	return nil
}

// scoreFeatures computes what an extractor judges.
func (e *evaluate) scoreFeatures(ctx context.Context, r Reporter, dev accel.Device, data *artifact.Images, rows []int, samples []artifact.Sample, names []string, result artifact.Metrics) error {
	c, err := artifact.ReadExtractor(e.Extractor.Path, e.Network)
	if err != nil {
		return err
	}
	defer c.Close()
	size := c.Model.Input().Size
	drawn, err := sampleImages(e.Samples.Path, samples, size, data.Info.Channels)
	if err != nil {
		return err
	}
	all := resized(trainImages(data), size)
	digest, err := c.Weights.Digest(func(string) bool { return true })
	if err != nil {
		return err
	}
	r.Log("extractor %s, weights %s; images of %d pixels are seen at %d", c.Info.Architecture, digest, data.Info.Size, size)
	real, err := judge(ctx, dev, c, all, rows, e.BatchSize)
	if err != nil {
		return err
	}
	generated, err := judge(ctx, dev, c, drawn, nil, e.BatchSize)
	if err != nil {
		return err
	}
	result["features"] = exactly(float64(len(real.features[0])))
	var manifold *metric.Manifold
	for _, name := range names {
		var v metric.Interval
		switch name {
		case "fid":
			if n := min(len(rows), len(samples)); n < enoughForFID {
				r.Log("fid of %d images is biased upwards: compare it only with that of as many; %d are usual, and kid has no bias", n, enoughForFID)
			}
			v.Value, err = metric.FID(real.features, generated.features)
			v = exactly(v.Value)
		case "kid":
			v.Value, err = metric.KID(real.features, generated.features)
			v = exactly(v.Value)
		case "kid_blocks":
			v, err = metric.KIDBlocks(real.features, generated.features, kidBlocks, e.Seed)
		case "agreement":
			v, err = e.agreement(c, samples, generated.probs)
		case "memorisation":
			v, err = e.memorisation(data, generated.features, func(rows []int) ([][]float64, error) {
				j, err := judge(ctx, dev, c, all, rows, e.BatchSize)
				return j.features, err
			})
		default:
			if manifold == nil {
				var m metric.Manifold
				m, err = metric.NewManifold(real.features, generated.features, cmp.Or(e.Neighbours, defaultNearby))
				manifold = &m
			}
			v = exactly(map[string]float64{
				"precision": manifold.Precision, "recall": manifold.Recall, "density": manifold.Density, "coverage": manifold.Coverage,
			}[name])
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		result[name] = v
	}
	return nil
}

// scorePixels computes what needs no extractor.
func (e *evaluate) scorePixels(ctx context.Context, r Reporter, data *artifact.Images, samples []artifact.Sample, names []string, result artifact.Metrics) error {
	drawn, err := sampleImages(e.Samples.Path, samples, data.Info.Size, data.Info.Channels)
	if err != nil {
		return err
	}
	per := len(data.Pixels) / len(data.Records)
	generated := make([]int, len(samples))
	for i := range generated {
		generated[i] = i
	}
	pixels := func(all []byte, rows []int) [][]float64 {
		out := make([][]float64, len(rows))
		for k, i := range rows {
			for _, v := range all[i*per : (i+1)*per] {
				out[k] = append(out[k], float64(v))
			}
		}
		return out
	}
	for _, name := range names {
		switch name {
		case "memorisation_pixels":
			result[name], err = e.memorisation(data, pixels(drawn.Pixels, generated), func(rows []int) ([][]float64, error) { return pixels(data.Pixels, rows), nil })
		case "ms_ssim":
			result[name], err = e.similarity(ctx, r, drawn, drawn, pairsOf(len(samples), e.Seed))
		case "ms_ssim_nearest":
			trained := data.Split(artifact.Train)
			if len(trained) == 0 {
				return errors.New("ms_ssim_nearest: the data has no training image")
			}
			nearest, _ := metric.Nearest(pixels(drawn.Pixels, generated), pixels(data.Pixels, trained))
			pairs := make([][2]int, len(samples))
			for i, k := range nearest {
				pairs[i] = [2]int{i, trained[k]}
			}
			result[name], err = e.similarity(ctx, r, drawn, trainImages(data), pairs)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// memorisation compares the distances of generated and of validation images to those trained on, by the rows that see gives.
func (e *evaluate) memorisation(data *artifact.Images, generated [][]float64, see func(rows []int) ([][]float64, error)) (metric.Interval, error) {
	trained, heldOut := data.Split(artifact.Train), data.Split(artifact.Val)
	if len(trained) < 2 || len(heldOut) < 2 {
		return metric.Interval{}, fmt.Errorf("the data has %d training and %d validation images: two of each are needed", len(trained), len(heldOut))
	}
	a, errA := see(trained)
	b, errB := see(heldOut)
	if err := errors.Join(errA, errB); err != nil {
		return metric.Interval{}, err
	}
	return metric.Memorisation(generated, a, b, e.Bootstrap, e.Seed)
}

// pairsOf are the pairs of n images, or some of them, drawn.
func pairsOf(n int, seed uint64) [][2]int {
	var pairs [][2]int
	if n*(n-1)/2 <= similarPairs {
		for i := range n {
			for j := range i {
				pairs = append(pairs, [2]int{i, j})
			}
		}
		return pairs
	}
	draws := rng.New(seed, "ms-ssim pairs")
	for range similarPairs {
		i, j := draws.Intn(n), draws.Intn(n-1)
		if j >= i {
			j++
		}
		pairs = append(pairs, [2]int{i, j})
	}
	return pairs
}

// similarity is the mean similarity of pairs of an image of a and one of b.
func (e *evaluate) similarity(ctx context.Context, r Reporter, a, b train.Images, pairs [][2]int) (metric.Interval, error) {
	if len(pairs) == 0 {
		return metric.Interval{}, errors.New("there are no two images to compare")
	}
	values, errs, scales := make([]float64, len(pairs)), make([]error, len(pairs)), make([]int, len(pairs))
	per := a.Channels * a.Size * a.Size
	err := forEach(ctx, len(pairs), r, func(k int) {
		one, errOne := metric.NewPicture(a.Pixels[pairs[k][0]*per:][:per], a.Channels, a.Size)
		other, errOther := metric.NewPicture(b.Pixels[pairs[k][1]*per:][:per], b.Channels, b.Size)
		if errs[k] = errors.Join(errOne, errOther); errs[k] == nil {
			scales[k] = one.Scales()
			values[k], errs[k] = metric.MSSSIM(one, other)
		}
	})
	if err := errors.Join(err, errors.Join(errs...)); err != nil {
		return metric.Interval{}, err
	}
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	r.Log("ms-ssim of %d pairs at %d scales", len(pairs), scales[0])
	return exactly(sum / float64(len(pairs))), nil
}

// agreement is how often the extractor sees in an image what its prompt asked for. Samples whose class is not
// known, or not one of the extractor's, do not count.
func (e *evaluate) agreement(c *artifact.Classifier, samples []artifact.Sample, probs [][]float64) (metric.Interval, error) {
	var p metric.Predictions
	for i, s := range samples {
		if label := c.Info.ClassIndex(s.Label); label >= 0 {
			p.Probs, p.Labels = append(p.Probs, probs[i]), append(p.Labels, int(label))
		}
	}
	if err := p.Check(); err != nil {
		return metric.Interval{}, fmt.Errorf("no prompt asks for one of the extractor's classes (%s): %w", strings.Join(c.Info.Classes, ", "), err)
	}
	return metric.Bootstrap(len(p.Labels), e.Bootstrap, e.Seed, func(rows []int) float64 { return metric.Accuracy(p.At(rows)) }), nil
}
