package train

import (
	"context"
	"errors"
	"fmt"
	"math"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/model"
	"github.com/pipe-ml/pipe/nn/optim"
	"github.com/pipe-ml/pipe/nn/program"
)

// Classifier is the training of a classifier on labelled images.
type Classifier struct {
	Model     model.Classifier
	Weights   *layer.Weights // initial values; the trained ones afterwards
	Plan      *layer.Plan    // nil: everything trains
	Images    Images
	Train     []int // images to train on
	Val       []int // images to validate on by their cross-entropy; none: the last state is kept
	BatchSize int
	Smoothing float32
	Augment   Augment
	Optim     optim.Config
	Config    Config
	Seed      uint64
	Progress  Progress
}

// Fit trains and sets the weights to the best state.
func (c *Classifier) Fit(ctx context.Context, dev accel.Device) (res Result, err error) {
	if len(c.Train) == 0 {
		return res, errors.New("no images to train on")
	}
	in := c.Model.Input()
	if err := c.Images.Validate(in); err != nil {
		return res, err
	}
	mem := program.NewMemory(dev)
	defer func() { err = errors.Join(err, mem.Close()) }()

	b := layer.NewBuilder(gorgonia.NewGraph(), c.Weights, c.Plan)
	images := b.Input("images", tensor.Float32, c.BatchSize, in.Channels, in.Size, in.Size)
	labels := b.Input("labels", tensor.Int32, c.BatchSize)
	loss := b.CrossEntropy(c.Model.Head(b, c.Model.Features(b, images)), labels, c.Smoothing)
	if err := b.Finish(); err != nil {
		return res, err
	}
	if err := Upload(mem, c.Weights, b); err != nil {
		return res, err
	}
	network, err := Compile(mem, b, loss, c.Optim, func(p layer.Param) bool { return model.Decays(c.Model, p.Name, p.Shape) })
	if err != nil {
		return res, err
	}
	defer func() { err = errors.Join(err, network.Close()) }()

	run := Run{Network: network, Feed: c.feeder(network, images, labels), Progress: c.Progress}
	if len(c.Val) > 0 {
		val, err := NewPredictor(mem, c.Model, c.Weights, c.Plan, c.BatchSize)
		if err != nil {
			return res, err
		}
		defer func() { err = errors.Join(err, val.Close()) }()
		run.Validate = func(ctx context.Context) (float64, error) { return c.crossEntropy(ctx, val) }
	}
	if res, err = run.Do(ctx, c.Config); err != nil {
		return res, err
	}
	return res, c.Weights.Download(mem, network.State())
}

// feeder returns what sets the batch of a step: the next BatchSize positions of the order.
func (c *Classifier) feeder(n *Network, images, labels *layer.Node) func(step int) error {
	in := c.Model.Input()
	per := in.Channels * in.Size * in.Size
	order := &Order{N: len(c.Train), Seed: c.Seed}
	pixels, classes := make([]float32, c.BatchSize*per), make([]int32, c.BatchSize)
	return func(step int) error {
		for j := range c.BatchSize {
			position := step*c.BatchSize + j
			i := c.Train[order.At(position)]
			c.Images.Normalise(pixels[j*per:(j+1)*per], i, in, c.Augment.Draw(c.Seed, position))
			classes[j] = c.Images.Labels[i]
		}
		return errors.Join(n.Set(images, pixels), n.Set(labels, classes))
	}
}

// crossEntropy is the mean over the validation images that have a label.
func (c *Classifier) crossEntropy(ctx context.Context, p *Predictor) (float64, error) {
	out, err := p.Predict(ctx, c.Images, c.Val)
	if err != nil {
		return 0, err
	}
	classes := c.Model.Classes()
	sum, n := 0.0, 0
	for row, i := range c.Val {
		label := int(c.Images.Labels[i])
		if label < 0 {
			continue
		}
		if label >= classes {
			return 0, fmt.Errorf("label %d of %d classes", label, classes)
		}
		sum += logSumExp(out.Logits[row*classes:(row+1)*classes]) - float64(out.Logits[row*classes+label])
		n++
	}
	if n == 0 {
		return 0, errors.New("no validation image has a label")
	}
	return sum / float64(n), nil
}

// logSumExp is log(sum(exp(x))), computed from the largest element.
func logSumExp(x []float32) float64 {
	top := float64(x[0])
	for _, v := range x {
		top = math.Max(top, float64(v))
	}
	sum := 0.0
	for _, v := range x {
		sum += math.Exp(float64(v) - top)
	}
	return top + math.Log(sum)
}
