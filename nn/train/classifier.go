package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/elementary"
	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/model"
	"github.com/pipe-ml/pipe/nn/program"
)

// Classifier is the training of a classifier on labelled images.
type Classifier struct {
	Model     model.Classifier
	Weights   *layer.Weights // initial values; the trained ones afterwards
	Plan      *layer.Plan    // nil: everything trains
	Images    Images
	Train     []int // images to train on
	Val       []int // images to validate on by their loss; none: the last state is kept
	BatchSize int
	Loss      Loss
	Augment   Augment
	Rates     Rates
	Config    Config
	Seed      uint64
	Progress  Progress
}

// Rates are the parts of the learning rate that the parts of a network learn at. Zero is all of it.
type Rates struct {
	LayerDecay float64 // of each of the model's groups, its share of the rate of the group above: timm's layer_decay
	Head       float64 // of the head
}

// Fit trains and sets the weights to the best state.
func (c *Classifier) Fit(ctx context.Context, dev accel.Device) (res Result, err error) {
	if len(c.Train) == 0 {
		return res, errors.New("no images to train on")
	}
	in := c.Model.Input()
	if err := errors.Join(c.Images.Validate(in), c.Images.labelled(c.Model.Classes())); err != nil {
		return res, err
	}
	mem := program.NewMemory(dev)
	defer func() { err = errors.Join(err, mem.Close()) }()

	b := layer.NewBuilder(gorgonia.NewGraph(), c.Weights, c.Plan)
	images := b.Input("images", tensor.Float32, c.BatchSize, in.Channels, in.Size, in.Size)
	loss, err := c.Loss.build(b, c.Model.Head(b, c.Model.Features(b, images)), c.BatchSize, c.Model.Classes(), c.Augment.Mix)
	if err := errors.Join(err, b.Finish(), c.Augment.Policy.Validate(), c.Augment.Mix.Validate()); err != nil {
		return res, err
	}
	if err := Upload(mem, c.Weights, b); err != nil {
		return res, err
	}
	rates := map[string]float64{}
	for _, p := range b.Trainable() {
		if rates[p.Name], err = c.Rates.of(p, c.Model.Groups()); err != nil {
			return res, err
		}
	}
	network, err := Compile(mem, b, loss.value, c.Config, func(p layer.Param) (bool, float64) {
		return model.Decays(c.Model, p.Name, p.Shape), rates[p.Name]
	})
	if err != nil {
		return res, err
	}
	defer func() { err = errors.Join(err, network.Close()) }()

	run := Run{Network: network, Feed: c.feeder(network, images, loss), Progress: c.Progress}
	if len(c.Val) > 0 {
		val, err := NewPredictor(mem, c.Model, c.Weights, c.Plan, c.BatchSize)
		if err != nil {
			return res, err
		}
		defer func() { err = errors.Join(err, val.Close()) }()
		run.Validate = func(ctx context.Context) (float64, error) { return c.validate(ctx, val) }
	}
	if res, err = run.Do(ctx, c.Config); err != nil {
		return res, err
	}
	return res, c.Weights.Download(mem, network.State())
}

// of is the share at which a parameter learns. What follows the last block without being the task's head, a last norm, learns
// as that block does, and so does what an edit puts behind the features. What an edit shares among the blocks has all of the rate.
func (r Rates) of(p layer.Param, groups []model.Group) (float64, error) {
	rate := 1.0
	if r.LayerDecay > 0 {
		last := len(groups) - 1
		at := slices.IndexFunc(groups, func(g model.Group) bool { return g.Has(p.Name) })
		switch {
		case at == last && !p.Head, strings.HasPrefix(p.Name, "pre_logits."):
			at = last - 1
		case strings.HasPrefix(p.Name, "shared."):
			at = last
		case at < 0:
			return 0, fmt.Errorf("%s is in no group of the network, so it has no share of the rate: leave layer_decay out", p.Name)
		}
		for range last - at {
			rate *= r.LayerDecay
		}
	}
	if p.Head && r.Head > 0 {
		rate *= r.Head
	}
	return rate, nil
}

// feeder returns what sets a batch: the next BatchSize positions of the order.
func (c *Classifier) feeder(n *Network, images *layer.Node, loss *objective) func(batch int) error {
	in := c.Model.Input()
	per := in.Channels * in.Size * in.Size
	order := &Order{N: len(c.Train), Seed: c.Seed}
	pixels, index := make([]float32, c.BatchSize*per), make([]int, c.BatchSize)
	return func(batch int) error {
		for j := range index {
			position := batch*c.BatchSize + j
			index[j] = c.Train[order.At(position)]
			c.Augment.example(pixels[j*per:(j+1)*per], c.Images, index[j], in, c.Seed, position)
		}
		joint := c.Augment.Mix.Draw(c.Seed, batch, in.Size, in.Size)
		joint.Images(pixels, per, in.Size, in.Size)
		return errors.Join(n.Set(images, pixels), loss.feed(n, c.Images, index, joint))
	}
}

// validate is the mean loss of the validation images that have a label.
func (c *Classifier) validate(ctx context.Context, p *Predictor) (float64, error) {
	out, err := p.Predict(ctx, c.Images, c.Val)
	if err != nil {
		return 0, err
	}
	classes := c.Model.Classes()
	sum, n := 0.0, 0
	target := make([]float32, classes)
	for row, i := range c.Val {
		c.Images.target(target, i)
		if loss, known := c.Loss.judge(out.Logits[row*classes:(row+1)*classes], target); known {
			sum += loss
			n++
		}
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
		sum += elementary.Exp(float64(v) - top)
	}
	return top + elementary.Log(sum)
}
