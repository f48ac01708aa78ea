package stages

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/elementary"
	"github.com/pipe-ml/pipe/nn/metric"
	"github.com/pipe-ml/pipe/nn/train"
	"github.com/pipe-ml/pipe/stages/artifact"
)

func init() {
	Register(Type{
		Name:    "evaluate",
		Version: 3,
		Doc: `Scores a classifier on a split, or generated images against the real ones.

Classifier metrics are computed over the whole split, with 95 % bootstrap intervals over its images:
  accuracy, f1 (macro), f1_micro, f1_weighted, auroc (of two classes the second's, else one-vs-rest, macro), auroc_weighted as
  scikit-learn's; ece (15 bins of the top class's confidence), ece_adaptive (bins of as many images), ece_classwise (mean over classes).
  With several labels an image: accuracy, f1, auroc and ece, class by class.
With groups = COLUMN each of them is also computed for the images of each value of that column, which dataset kept (attributes): NAME_worst_group
and NAME_gap, the difference between the best and the worst group, with intervals; the log has every group's.

Generated images are compared by the features of an extractor. It is a classifier, or published weights such as FID's Inception-v3 (architecture =
"inception_v3_fid") or torchxrayvision's DenseNet-121 ("densenet121-res224-all"); images are resized to its size by the filter that preprocess uses, and the log
has its weights' digest:
  fid, which is biased below 2048 images (the log says so); kid, unbiased, of all images; kid_blocks, its mean over 100 blocks of 1000 images
  (half of them, where there are fewer) and the range of 95 % of the blocks;
  precision, recall (Kynkaanniemi et al. 2019), density, coverage (Naeem et al. 2020), by the given number of neighbours;
  memorisation: the median distance to the nearest training image, by that of the validation images; about 1 is good, near 0 are copies;
  agreement, the share of images whose class according to the extractor is the one the prompt asked for.
Without an extractor: memorisation_pixels, the same of pixels; ms_ssim, the mean multi-scale structural similarity of pairs of generated
images (all, or 1000 drawn ones), lower being more diverse; ms_ssim_nearest, that of each with the training image nearest in pixels.`,
		CPUs:   1,
		Memory: 1 << 30,
		New:    func() Stage { return new(evaluate) },
	})
}

type evaluate struct {
	Metrics    []string `pipe:"metrics" enum:"accuracy,f1,f1_micro,f1_weighted,auroc,auroc_weighted,ece,ece_adaptive,ece_classwise,fid,kid,kid_blocks,precision,recall,density,coverage,memorisation,agreement,memorisation_pixels,ms_ssim,ms_ssim_nearest" doc:"What to compute. Those up to ece_classwise need a model, the others samples, those up to agreement an extractor too."`
	Groups     string   `pipe:"groups,optional" doc:"Column that parts the images into groups, to compare the classifier's metrics between them."`
	Neighbours int      `pipe:"neighbours,optional" min:"1" doc:"Which nearest neighbour bounds the balls of precision, recall, density and coverage. Default: 5."`
	Network    string   `pipe:"architecture,optional" doc:"The network that an extractor's published weights are of, where no config.json beside them tells."`
	Split      string   `pipe:"split" default:"test" enum:"train,val,test" doc:"The real images to use."`
	Bootstrap  int      `pipe:"bootstrap" default:"1000" min:"1" doc:"Resamples behind the intervals."`
	BatchSize  int      `pipe:"batch_size" default:"32" min:"1" doc:"Images at once; results do not depend on it."`
	Seed       uint64   `pipe:"seed" default:"0" min:"0" doc:"Of the bootstrap."`
	computing

	Model     Input  `pipe:"model,optional" kind:"model" doc:"The classifier to score."`
	Samples   Input  `pipe:"samples,optional" kind:"samples" doc:"The generated images to score."`
	Extractor Input  `pipe:"extractor,optional" kind:"model" doc:"The classifier whose features and classes judge the samples, or published weights."`
	Data      Input  `pipe:"data" kind:"images" doc:"The real images."`
	Out       Output `pipe:"metrics" kind:"metrics" path:"metrics.json" doc:"Each metric with its interval; for samples also how many images, prompts, features and steps are behind it."`
}

// The metrics of a classifier by name.
var classifierMetrics = map[string]func(metric.Predictions) float64{
	"accuracy": metric.Accuracy, "f1": metric.F1, "f1_micro": metric.F1Micro, "f1_weighted": metric.F1Weighted,
	"auroc": metric.AUROC, "auroc_weighted": metric.AUROCWeighted,
	"ece": metric.ECE, "ece_adaptive": metric.ECEAdaptive, "ece_classwise": metric.ECEClasswise,
}

// What is written beside the metrics: exact figures of what was scored.
var (
	classifierFacts = []string{"images"}                                                                  // and trainable of a fine-tuned model
	samplesFacts    = []string{"real_images", "generated_images", "prompts", "sampler_steps", "guidance"} // and features of an extractor
)

// byInput tells the metrics of a classifier from those of generated images, and of these the ones that an extractor judges.
func (e *evaluate) byInput() (ofModel, ofSamples, ofFeatures []string) {
	for _, name := range e.Metrics {
		if classifierMetrics[name] != nil {
			ofModel = append(ofModel, name)
			continue
		}
		ofSamples = append(ofSamples, name)
		if !slices.Contains(pixelMetrics, name) {
			ofFeatures = append(ofFeatures, name)
		}
	}
	return ofModel, ofSamples, ofFeatures
}

// Validate implements Validator.
func (e *evaluate) Validate() error {
	var errs []error
	if len(e.Metrics) == 0 {
		errs = append(errs, wrong("metrics", "names no metric: give at least one"))
	}
	ofModel, ofSamples, ofFeatures := e.byInput()
	for _, in := range []struct {
		name, what, of string
		given          Input
		reads          []string
	}{
		{"model", "the classifier to score", "of a classifier", e.Model, ofModel},
		{"samples", "the generated images to score", "of generated images", e.Samples, ofSamples},
		{"extractor", "a classifier of such images", "of generated images by their features", e.Extractor, ofFeatures},
	} {
		switch {
		case len(in.reads) > 0 && in.given.Path == "":
			errs = append(errs, wrong(in.name, "to compute %s, give %s, or take these out of metrics", strings.Join(in.reads, ", "), in.what))
		case len(in.reads) == 0 && in.given.Path != "":
			errs = append(errs, wrong(in.name, "no metric %s is asked for, so nothing reads it: leave it out, or add one to metrics", in.of))
		}
	}
	if e.Groups != "" && len(ofModel) == 0 {
		errs = append(errs, wrong("groups", "compares a classifier's metrics, and none is asked for: leave it out, or add one to metrics"))
	}
	if e.Neighbours > 0 && !slices.ContainsFunc(ofFeatures, func(name string) bool { return slices.Contains(manifoldMetrics, name) }) {
		errs = append(errs, wrong("neighbours", "is for %s, and none is asked for: leave it out", strings.Join(manifoldMetrics, ", ")))
	}
	if e.Network != "" && len(ofFeatures) == 0 {
		errs = append(errs, wrong("architecture", "is the extractor's, and nothing reads one: leave it out"))
	}
	return errors.Join(errs...)
}

// Canonical implements Canonical: each metric is computed alone and their file is sorted, so neither order nor repeats
// mean anything. They are asked for in the order of the schema.
func (*evaluate) Canonical(config map[string]any) {
	t, _ := Lookup("evaluate")
	known, _ := SchemaOf(t).Attribute("metrics")
	asked, _ := config["metrics"].([]any)
	metrics := make([]any, 0, len(asked))
	for _, name := range known.Enum {
		if slices.Contains(asked, any(name)) {
			metrics = append(metrics, name)
		}
	}
	config["metrics"] = metrics
}

// Measures implements Measurer.
func (e *evaluate) Measures() []string {
	ofModel, ofSamples, ofFeatures := e.byInput()
	names := slices.Clone(e.Metrics)
	if len(ofModel) > 0 {
		names = append(names, classifierFacts...)
		for _, t := range trainable {
			names = append(names, t.name)
		}
	}
	if e.Groups != "" {
		names = append(names, "groups")
		for _, name := range ofModel {
			names = append(names, name+worstGroup, name+groupGap)
		}
	}
	if len(ofSamples) > 0 {
		names = append(names, samplesFacts...)
	}
	if len(ofFeatures) > 0 {
		names = append(names, "features")
	}
	return names
}

// Run writes the metrics.
func (e *evaluate) Run(ctx context.Context, r Reporter) error {
	data, err := artifact.ReadImages(e.Data.Path)
	if err != nil {
		return err
	}
	dev, err := e.open(r)
	if err != nil {
		return err
	}
	defer dev.Close()
	ofModel, ofSamples, _ := e.byInput()
	result := artifact.Metrics{}
	if len(ofModel) > 0 {
		err = e.scoreModel(ctx, r, dev, data, ofModel, result)
	}
	if err == nil && len(ofSamples) > 0 {
		err = e.scoreSamples(ctx, r, dev, data, ofSamples, result)
	}
	if err != nil {
		return err
	}
	for _, name := range e.Metrics {
		r.Metric(name, result[name].Value)
	}
	return artifact.WriteMetrics(string(e.Out), result)
}

// scoreModel scores the classifier on the labelled images of the split.
func (e *evaluate) scoreModel(ctx context.Context, r Reporter, dev accel.Device, data *artifact.Images, names []string, result artifact.Metrics) error {
	c, err := artifact.ReadClassifier(e.Model.Path)
	if err != nil {
		return err
	}
	defer c.Close()
	images := trainImages(data)
	rows := labelled(images, data.Split(e.Split))
	if len(rows) == 0 {
		return fmt.Errorf("the %s split has no labelled image", e.Split)
	}
	classes, err := sameClasses(c, data)
	if err != nil {
		return err
	}
	judged, err := judge(ctx, dev, c, images, rows, e.BatchSize)
	if err != nil {
		return err
	}
	score, err := e.scores(c.Info.MultiLabel, judged.probs, data, images, rows, classes)
	if err != nil {
		return err
	}
	var groups metric.Groups
	if e.Groups != "" {
		if groups, err = e.groups(data, rows); err != nil {
			return err
		}
		result["groups"] = exactly(float64(len(groups.Names)))
	}
	for _, name := range names {
		stat, err := score(name)
		if err != nil {
			return err
		}
		result[name] = metric.Bootstrap(len(rows), e.Bootstrap, e.Seed, stat)
		if e.Groups != "" {
			e.scoreGroups(r, groups, name, stat, result)
		}
	}
	result["images"] = exactly(float64(len(rows)))
	if a := c.Adapter; a != nil {
		for _, t := range trainable {
			result[t.name] = exactly(t.of(a.Count))
		}
	}
	return nil
}

// scores gives the figures of probabilities, each over some of the rows: by class alone, or of one class an image.
func (e *evaluate) scores(multi bool, probs [][]float64, data *artifact.Images, images train.Images, rows, classes []int) (func(name string) (func(rows []int) float64, error), error) {
	if multi {
		p := multiLabel(probs, data, rows, classes)
		return p.score, p.Check()
	}
	if images.Targets != nil {
		return nil, errors.New("the images have several labels each, the model knows one: train it with loss = \"bce\"")
	}
	p := metric.Predictions{Probs: probs}
	for _, i := range rows {
		p.Labels = append(p.Labels, classes[images.Labels[i]])
	}
	return func(name string) (func(rows []int) float64, error) {
		figure := classifierMetrics[name]
		return func(rows []int) float64 { return figure(p.At(rows)) }, nil
	}, p.Check()
}

// exactly is a figure without an interval.
func exactly(v float64) metric.Interval { return metric.Interval{Value: v, Low: v, High: v} }

// sameClasses maps the data's classes to the classifier's, which must be the same set.
func sameClasses(c *artifact.Classifier, data *artifact.Images) ([]int, error) {
	classes := make([]int, len(data.Info.Classes))
	for i, name := range data.Info.Classes {
		classes[i] = int(c.Info.ClassIndex(name))
	}
	if len(classes) != len(c.Info.Classes) || slices.Contains(classes, -1) {
		return nil, fmt.Errorf("the model knows the classes %s, the data has %s",
			strings.Join(c.Info.Classes, ", "), strings.Join(data.Info.Classes, ", "))
	}
	return classes, nil
}

// softmax turns a row of logits into probabilities.
func softmax(logits []float32) []float64 {
	top, sum := slices.MaxFunc(logits, cmp.Compare[float32]), 0.0
	p := make([]float64, len(logits))
	for i, v := range logits {
		p[i] = elementary.Exp(float64(v) - float64(top))
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
	return p
}
