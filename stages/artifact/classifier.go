package artifact

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/accel/rng"
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
	c.Adapter, err = peft.Load(dir, c.Network, c.Weights)
	return c, err
}

// readWeights reads the weights in dir into the network that wanted describes; a fine-tuned one's head is new.
func readWeights(dir string, wanted ModelInfo, seed uint64) (*Classifier, error) {
	tensors, _, err := checkpoint.Read(filepath.Join(dir, weightsFile))
	if err != nil {
		return nil, err
	}
	return withTensors(tensors, wanted, wanted.FineTuned, seed)
}

// withTensors builds the network that info describes on the given weights.
func withTensors(tensors map[string]checkpoint.Tensor, info ModelInfo, newHead bool, seed uint64) (*Classifier, error) {
	c, err := NewClassifier(info.Architecture, model.Options{Size: info.Size, Channels: info.Channels}, info.Classes, seed)
	if err != nil {
		return nil, err
	}
	c.Info = info
	var o checkpoint.LoadOptions
	if newHead {
		if o.Fresh, err = c.head(); err != nil {
			return nil, err
		}
	}
	_, err = checkpoint.Load(c.Weights, tensors, o)
	return c, err
}

// Backbone is a pretrained network to fine-tune: a model folder, or published weights.
type Backbone struct {
	Info    ModelInfo // as stored
	dir     string    // of a model folder; "" for published weights, which are converted
	tensors map[string]checkpoint.Tensor
}

// OpenBackbone opens a classifier's folder that was not fine-tuned, or a folder that holds TensorFlow.js weights of
// MobileNet-v1, directly or one level down.
func OpenBackbone(dir string) (*Backbone, error) {
	info, err := ReadModelInfo(dir)
	if errors.Is(err, os.ErrNotExist) {
		return openTFJS(dir)
	}
	if err != nil {
		return nil, err
	}
	if err := info.require(dir, TaskClassifier); err != nil {
		return nil, err
	}
	if info.FineTuned {
		return nil, fmt.Errorf("%s: the model is fine-tuned already: give the pretrained one", dir)
	}
	b := &Backbone{Info: info, dir: dir}
	b.tensors, _, err = checkpoint.Read(filepath.Join(dir, weightsFile))
	return b, err
}

// openTFJS reads MobileNet-v1; a copy without the last pair becomes the trunk.
func openTFJS(dir string) (*Backbone, error) {
	found, err := filepath.Glob(filepath.Join(dir, "*", "model.json"))
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(dir, "model.json")); err == nil {
		found = []string{filepath.Join(dir, "model.json")}
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("%s: neither a model folder (config.json) nor one TensorFlow.js model (model.json)", dir)
	}
	keras, missing, err := checkpoint.ReadTFJS(filepath.Dir(found[0]))
	if err != nil {
		return nil, err
	}
	architecture, pairs := "mobilenet_v1_224", 13
	if len(missing) > 0 {
		architecture, pairs = "mobilenet_v1_trunk_224", 12
	}
	tensors, _, err := checkpoint.MobileNetV1FromKeras(keras, pairs)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", found[0], err)
	}
	for _, p := range []string{"head.weight", "head.bias"} {
		delete(tensors, p) // ImageNet's classes, whose names are not in the files
	}
	v, err := model.Lookup(architecture)
	if err != nil {
		return nil, err
	}
	return &Backbone{Info: ModelInfo{Architecture: architecture, Task: TaskClassifier, Input: v.Input}, tensors: tensors}, nil
}

// Classifier returns the network with a new head for classes, drawn from seed. Size is that of the images to
// come: a convolutional network takes any, a transformer its own. The head's stream is fine-tuning's own: under the
// seed's alone it would begin where the pretrained network's head of that name began, and so near where it ended.
func (b *Backbone) Classifier(classes []string, size int, seed uint64) (*Classifier, error) {
	v, err := model.Lookup(b.Info.Architecture)
	if err != nil {
		return nil, err
	}
	if v.Kind == model.Transformer && size != b.Info.Size {
		return nil, fmt.Errorf("%s has learned positions for images of %d pixels, these have %d", b.Info.Architecture, b.Info.Size, size)
	}
	info := b.Info
	info.Classes, info.Size, info.FineTuned = classes, size, true
	return withTensors(b.tensors, info, true, rng.Key(seed, "finetune"))
}

// WriteFineTuned writes a fine-tuned classifier with its base.
func (b *Backbone) WriteFineTuned(dir string, c *Classifier) error {
	if err := c.Info.write(dir); err != nil {
		return err
	}
	base := filepath.Join(dir, baseDir)
	if b.dir != "" {
		if err := copyTree(base, b.dir); err != nil {
			return err
		}
	} else {
		if err := b.Info.write(base); err != nil {
			return err
		}
		if err := checkpoint.Write(filepath.Join(base, weightsFile), b.tensors, map[string]string{"format": "pt"}); err != nil {
			return err
		}
	}
	return c.Adapter.Save(dir, c.Weights)
}
