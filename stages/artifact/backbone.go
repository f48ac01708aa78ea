package artifact

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/pipe-ml/pipe/accel/rng"
	"github.com/pipe-ml/pipe/nn/checkpoint"
	"github.com/pipe-ml/pipe/nn/model"
)

// Backbone is a pretrained network to fine-tune: a model folder, or published weights.
type Backbone struct {
	Info ModelInfo // as stored
	// ResizePositions lets images have another size than those at which a transformer learned its positions.
	ResizePositions bool

	tensors map[string]checkpoint.Tensor
	archive *checkpoint.Archive // in which they lie; nil for TensorFlow.js weights, which are converted
	files   []string            // that the network is read from; none if converted
	notes   []string            // what there is to tell of it
}

// Close ends the use of a backbone and of the classifiers made of it. Without it, its files stay mapped until the process ends.
func (b *Backbone) Close() error {
	if b.archive == nil {
		return nil
	}
	return b.archive.Close()
}

// OpenBackbone opens a classifier's folder that was not fine-tuned; or a folder of published weights: safetensors under
// timm's or torchvision's names with timm's config.json, or TensorFlow.js weights of MobileNet-v1, directly or one level
// down. The architecture is for a path that does not tell of which one its weights are, a file or a folder without config.json; "" leaves
// it to the folder.
func OpenBackbone(path, architecture string) (*Backbone, error) {
	stored, err := holdsModel(path)
	if err != nil {
		return nil, err
	}
	if !stored {
		return openForeign(path, architecture)
	}
	info, err := ReadModelInfo(path)
	if err != nil {
		return nil, err
	}
	if err := info.require(path, TaskClassifier); err != nil {
		return nil, err
	}
	if info.FineTuned {
		return nil, fmt.Errorf("%s: %s", path, FineTunedAlready)
	}
	if architecture != "" && architecture != info.Architecture {
		return nil, fmt.Errorf("%s: it is a %s, not a %s: leave architecture out", path, info.Architecture, architecture)
	}
	archive, err := checkpoint.OpenArchive(path)
	if err != nil {
		return nil, err
	}
	return &Backbone{Info: info, archive: archive, tensors: archive.Tensors, files: append(archive.Files, filepath.Join(path, modelFile))}, nil
}

// holdsModel tells whether a folder is one that a stage has written: its config.json has a task.
func holdsModel(dir string) (bool, error) {
	config := filepath.Join(dir, modelFile)
	raw, err := os.ReadFile(config)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	var own struct {
		Task *string `json:"task"`
	}
	if err := json.Unmarshal(raw, &own); err != nil {
		return false, fmt.Errorf("%s: %w", config, err)
	}
	return own.Task != nil, nil
}

// openForeign opens weights of others in any of the forms that are read.
func openForeign(path, architecture string) (*Backbone, error) {
	if err := refuseAdapter(path); err != nil {
		return nil, err
	}
	found, err := filepath.Glob(filepath.Join(path, "*", "model.json"))
	if err != nil {
		return nil, err
	}
	if own := filepath.Join(path, "model.json"); fileExists(own) {
		found = []string{own}
	}
	if len(found) == 1 && architecture == "" {
		return openTFJS(found[0])
	}
	b, err := openPublished(path, architecture)
	var none *checkpoint.NoWeightsError
	if errors.As(err, &none) {
		return nil, fmt.Errorf("%s: neither a model folder (config.json), nor safetensors, nor one TensorFlow.js model (model.json)", path)
	}
	return b, err
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// openTFJS reads MobileNet-v1 of a model.json; a copy without the last pair becomes the trunk.
func openTFJS(path string) (*Backbone, error) {
	keras, missing, err := checkpoint.ReadTFJS(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	architecture, pairs := "mobilenet_v1_224", 13
	if len(missing) > 0 {
		architecture, pairs = "mobilenet_v1_trunk_224", 12
	}
	tensors, _, err := checkpoint.MobileNetV1FromKeras(keras, pairs)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
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
	if v.Kind == model.Transformer && size != b.Info.Size && !b.ResizePositions {
		return nil, fmt.Errorf("%s has learned positions for images of %d pixels, these have %d: preprocess them to that size, or resample the positions by resize_positions = true", b.Info.Architecture, b.Info.Size, size)
	}
	info := b.Info
	info.Classes, info.Size, info.FineTuned, info.TimmConfig = classes, size, true, nil
	c, err := withTensors(b.tensors, info, true, rng.Key(seed, "finetune"))
	if err != nil && len(b.files) > 0 {
		return nil, fmt.Errorf("%s: %w", b.files[0], err)
	}
	if err != nil {
		return nil, err
	}
	news, err := replaced(b.tensors, c)
	if err != nil {
		return nil, err
	}
	c.Changes = slices.Concat(b.notes, news, c.Changes)
	return c, nil
}

// WriteFineTuned writes a fine-tuned classifier with its base.
func (b *Backbone) WriteFineTuned(dir string, c *Classifier) error {
	if err := c.Info.write(dir); err != nil {
		return err
	}
	base := filepath.Join(dir, baseDir)
	if b.archive == nil {
		if err := b.Info.write(base); err != nil {
			return err
		}
		if err := checkpoint.Write(filepath.Join(base, weightsFile), b.tensors, map[string]string{"format": "pt"}); err != nil {
			return err
		}
	} else if err := os.MkdirAll(base, 0o777); err != nil {
		return err
	}
	for _, f := range b.files {
		if err := copyFile(filepath.Join(base, filepath.Base(f)), f); err != nil {
			return err
		}
	}
	return c.Adapter.Save(dir, c.Weights)
}
