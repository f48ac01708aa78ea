package stages

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/pipe-ml/pipe/nn/metric"
	"github.com/pipe-ml/pipe/stages/artifact"
)

func init() {
	Register(Type{
		Name:    "evaluate",
		Version: 1,
		Doc: `Scores a classifier on a split, or generated images against the real ones.

Classifier metrics are computed over the whole split, with 95 % bootstrap intervals over its images. Generated
images are compared by the features of an extractor, a classifier: FID and KID (unbiased), and agreement, the share
of images whose class according to the extractor is the one the prompt asked for.`,
		CPUs:   1,
		Memory: 1 << 30,
		New:    func() Stage { return new(evaluate) },
	})
}

type evaluate struct {
	Metrics   []string `pipe:"metrics" enum:"accuracy,f1,auroc,ece,fid,kid,agreement" doc:"accuracy, f1 (macro), auroc (one-vs-rest macro) and ece need a model; fid, kid and agreement need samples and an extractor."`
	Split     string   `pipe:"split" default:"test" enum:"train,val,test" doc:"The real images to use."`
	Bootstrap int      `pipe:"bootstrap" default:"1000" min:"1" doc:"Resamples behind the intervals."`
	BatchSize int      `pipe:"batch_size" default:"32" min:"1" doc:"Images at once; results do not depend on it."`
	Seed      uint64   `pipe:"seed" default:"0" min:"0" doc:"Of the bootstrap."`

	Model     Input  `pipe:"model,optional" kind:"model" doc:"The classifier to score."`
	Samples   Input  `pipe:"samples,optional" kind:"samples" doc:"The generated images to score."`
	Extractor Input  `pipe:"extractor,optional" kind:"model" doc:"The classifier whose features and classes judge the samples."`
	Data      Input  `pipe:"data" kind:"images" doc:"The real images."`
	Out       Output `pipe:"metrics" kind:"metrics" path:"metrics.json" doc:"Each metric with its interval; for samples also how many images, prompts, features and steps are behind it."`
}

// The metrics of a classifier by name.
var classifierMetrics = map[string]func(metric.Predictions) float64{
	"accuracy": metric.Accuracy, "f1": metric.F1, "auroc": metric.AUROC, "ece": metric.ECE,
}

// What is written beside the metrics: exact figures of what was scored.
var (
	classifierFacts = []string{"images", "trainable_parameters", "trainable_percent"} // the last two of a fine-tuned model
	samplesFacts    = []string{"real_images", "generated_images", "prompts", "features", "sampler_steps", "guidance"}
)

// byInput tells the metrics of a classifier from those of generated images.
func (e *evaluate) byInput() (ofModel, ofSamples []string) {
	for _, name := range e.Metrics {
		if classifierMetrics[name] != nil {
			ofModel = append(ofModel, name)
		} else {
			ofSamples = append(ofSamples, name)
		}
	}
	return ofModel, ofSamples
}

// Validate implements Validator.
func (e *evaluate) Validate() error {
	var errs []error
	if len(e.Metrics) == 0 {
		errs = append(errs, wrong("metrics", "names no metric: give at least one"))
	}
	ofModel, ofSamples := e.byInput()
	for _, in := range []struct {
		name, what, of string
		given          Input
		reads          []string
	}{
		{"model", "the classifier to score", "of a classifier", e.Model, ofModel},
		{"samples", "the generated images to score", "of generated images", e.Samples, ofSamples},
		{"extractor", "a classifier of such images", "of generated images", e.Extractor, ofSamples},
	} {
		switch {
		case len(in.reads) > 0 && in.given.Path == "":
			errs = append(errs, wrong(in.name, "to compute %s, give %s, or take these out of metrics", strings.Join(in.reads, ", "), in.what))
		case len(in.reads) == 0 && in.given.Path != "":
			errs = append(errs, wrong(in.name, "no metric %s is asked for, so nothing reads it: leave it out, or add one to metrics", in.of))
		}
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
	ofModel, ofSamples := e.byInput()
	names := slices.Clone(e.Metrics)
	if len(ofModel) > 0 {
		names = append(names, classifierFacts...)
	}
	if len(ofSamples) > 0 {
		names = append(names, samplesFacts...)
	}
	return names
}

// Run writes the metrics.
func (e *evaluate) Run(ctx context.Context, r Reporter) error {
	data, err := artifact.ReadImages(e.Data.Path)
	if err != nil {
		return err
	}
	ofModel, ofSamples := e.byInput()
	result := artifact.Metrics{}
	if len(ofModel) > 0 {
		err = e.scoreModel(ctx, data, ofModel, result)
	}
	if err == nil && len(ofSamples) > 0 {
		err = e.scoreSamples(ctx, data, ofSamples, result)
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
func (e *evaluate) scoreModel(ctx context.Context, data *artifact.Images, names []string, result artifact.Metrics) error {
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
	judged, err := judge(ctx, c, images, rows, e.BatchSize)
	if err != nil {
		return err
	}
	p := metric.Predictions{Probs: judged.probs}
	for _, i := range rows {
		p.Labels = append(p.Labels, classes[images.Labels[i]])
	}
	if err := p.Check(); err != nil {
		return err
	}
	for _, name := range names {
		score := classifierMetrics[name]
		result[name] = metric.Bootstrap(len(rows), e.Bootstrap, e.Seed, func(rows []int) float64 { return score(p.At(rows)) })
	}
	result["images"] = exactly(float64(len(rows)))
	if a := c.Adapter; a != nil {
		result["trainable_parameters"] = exactly(float64(a.Count.Trained))
		result["trainable_percent"] = exactly(a.Count.WithoutHead())
	}
	return nil
}

// scoreSamples compares the generated images with the real ones of the split.
func (e *evaluate) scoreSamples(ctx context.Context, data *artifact.Images, names []string, result artifact.Metrics) error {
	c, err := artifact.ReadClassifier(e.Extractor.Path)
	if err != nil {
		return err
	}
	defer c.Close()
	info, samples, err := artifact.ReadSamples(e.Samples.Path)
	if err != nil {
		return err
	}
	drawn, err := sampleImages(e.Samples.Path, samples, data.Info.Size, data.Info.Channels)
	if err != nil {
		return err
	}
	rows := data.Split(e.Split)
	real, err := judge(ctx, c, trainImages(data), rows, e.BatchSize)
	if err != nil {
		return err
	}
	generated, err := judge(ctx, c, drawn, nil, e.BatchSize)
	if err != nil {
		return err
	}
	for _, name := range names {
		switch name {
		case "fid":
			value, err := metric.FID(real.features, generated.features)
			if err != nil {
				return err
			}
			result[name] = exactly(value)
		case "kid":
			value, err := metric.KID(real.features, generated.features)
			if err != nil {
				return err
			}
			result[name] = exactly(value)
		case "agreement":
			if result[name], err = e.agreement(c, samples, generated.probs); err != nil {
				return err
			}
		}
	}
	prompts := map[string]bool{}
	for _, s := range samples {
		prompts[s.Prompt] = true
	}
	result["real_images"] = exactly(float64(len(rows)))
	result["generated_images"] = exactly(float64(len(samples)))
	result["prompts"] = exactly(float64(len(prompts)))
	result["features"] = exactly(float64(len(real.features[0])))
	result["sampler_steps"] = exactly(float64(info.Steps))
	result["guidance"] = exactly(info.Guidance)
	return nil
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
		return metric.Interval{}, fmt.Errorf("agreement: no prompt asks for one of %s: %w", strings.Join(c.Info.Classes, ", "), err)
	}
	return metric.Bootstrap(len(p.Labels), e.Bootstrap, e.Seed, func(rows []int) float64 { return metric.Accuracy(p.At(rows)) }), nil
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
		p[i] = math.Exp(float64(v) - float64(top))
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
	return p
}
