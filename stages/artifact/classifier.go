package artifact

import (
	"errors"
	"fmt"
	"path/filepath"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/nn/checkpoint"
	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/model"
	"github.com/pipe-ml/pipe/nn/peft"
)

// Classifier is a classifier with its weights, as read from a model folder or about to be written to one.
type Classifier struct {
	Info    ModelInfo
	Model   model.Classifier
	Weights *layer.Weights
	Adapter *peft.Adapter // of a fine-tuned model, else nil
	Changes []string      // what became of the weights of a file in loading: a new head in the place of theirs, resampled positions

	archive *checkpoint.Archive // in which weights may lie; nil if that is a Backbone's
}

// Close ends the use of a classifier that was read. Without it, its files stay mapped until the process ends.
func (c *Classifier) Close() error {
	if c.archive == nil {
		return nil
	}
	return c.archive.Close()
}

// NewClassifier declares a variant's parameters for classes; their initial values come from seed.
func NewClassifier(architecture string, o model.Options, classes []string, seed uint64) (*Classifier, error) {
	v, err := model.Lookup(architecture)
	if err != nil {
		return nil, err
	}
	o.Classes = len(classes)
	m, err := v.New(o)
	if err != nil {
		return nil, err
	}
	c := &Classifier{
		Info:  ModelInfo{Architecture: architecture, Task: TaskClassifier, Classes: classes, Input: m.Input()},
		Model: m, Weights: layer.NewWeights(seed),
	}
	return c, c.declare()
}

// declare records the network's parameters in the weights.
func (c *Classifier) declare() error {
	b := layer.NewBuilder(gorgonia.NewGraph(), c.Weights, c.Plan())
	c.Network(b)
	return b.Finish()
}

// Network builds the classifier for one image: what fine-tuning methods are prepared on.
func (c *Classifier) Network(b *layer.Builder) {
	in := c.Model.Input()
	features := c.Model.Features(b, b.Input("images", tensor.Float32, 1, in.Channels, in.Size, in.Size))
	if c.Model.Classes() > 0 {
		c.Model.Head(b, features)
	}
}

// Plan is the fine-tuning's edits, nil without.
func (c *Classifier) Plan() *layer.Plan {
	if c.Adapter == nil {
		return nil
	}
	return c.Adapter.Plan
}

// head lists the parameters of the head.
func (c *Classifier) head() ([]string, error) {
	b := layer.NewBuilder(gorgonia.NewGraph(), layer.NewWeights(0), nil)
	c.Network(b)
	var names []string
	for _, p := range b.Sites().Params {
		if p.Head {
			names = append(names, p.Name)
		}
	}
	return names, b.Err()
}

// Write writes a classifier trained from scratch.
func (c *Classifier) Write(dir string) error {
	if c.Adapter != nil {
		return errors.New("a fine-tuned model is written with its base")
	}
	if err := c.Info.write(dir); err != nil {
		return err
	}
	tensors := checkpoint.FromWeights(c.Weights, c.Weights.Names())
	return checkpoint.Write(filepath.Join(dir, weightsFile), tensors, map[string]string{"format": "pt"})
}

// ReadClassifier reads a classifier's folder, fine-tuned or not.
func ReadClassifier(dir string) (*Classifier, error) {
	info, err := ReadModelInfo(dir)
	if err != nil {
		return nil, err
	}
	if err := info.require(dir, TaskClassifier); err != nil {
		return nil, err
	}
	if !info.FineTuned {
		return readWeights(dir, info, 0)
	}
	c, err := readWeights(filepath.Join(dir, baseDir), info, 0)
	if err != nil {
		return nil, err
	}
	if c.Adapter, err = peft.Load(dir, c.Network, c.Weights); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// readWeights reads the weights in dir into the network that wanted describes; a fine-tuned one's head is new.
func readWeights(dir string, wanted ModelInfo, seed uint64) (*Classifier, error) {
	archive, err := checkpoint.OpenArchive(dir)
	if err != nil {
		return nil, err
	}
	c, err := withTensors(respelled(wanted.Architecture, archive.Tensors), wanted, wanted.FineTuned, seed)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", archive.Files[0], err), archive.Close())
	}
	c.archive = archive
	return c, nil
}

// options are those of the network's constructor.
func (i ModelInfo) options() model.Options {
	return model.Options{Size: i.Size, Channels: i.Channels, Mean: i.Mean, Std: i.Std, GlobalPool: i.GlobalPool}
}

// withTensors builds the network that info describes on the given weights.
func withTensors(tensors map[string]checkpoint.Tensor, info ModelInfo, newHead bool, seed uint64) (*Classifier, error) {
	c, err := NewClassifier(info.Architecture, info.options(), info.Classes, seed)
	if err != nil {
		return nil, err
	}
	c.Info = info
	exceptions := loading(nil)
	if newHead {
		head, err := c.head()
		if err != nil {
			return nil, err
		}
		exceptions = loading(head)
	}
	rep, err := checkpoint.Load(c.Weights, tensors, exceptions)
	if err != nil {
		return nil, fmt.Errorf("%w: these are not the weights of a %s as its reference implementation names them", err, info.Architecture)
	}
	c.Changes = resampled(rep)
	return c, nil
}
