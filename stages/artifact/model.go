package artifact

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/pipe-ml/pipe/nn/model"
)

// The tasks of a model.
const (
	TaskClassifier = "classifier"
	TaskDiffusion  = "diffusion"
)

// ModelInfo is config.json of a model folder: all of a model but its weights.
//
// A classifier's folder holds config.json and model.safetensors. A diffusion model's is laid out as
// diffusers does it: model_index.json, unet/, text_encoder/, tokenizer/, scheduler/, and vae/ for the codec; published
// ones, which have no config.json, are read too. A fine-tuned
// model's folder holds config.json, base/ (the files of the model it came from, byte for byte), and what
// fine-tuning changed: adapter_config.json and adapter_model.safetensors, those of a diffusion model's text encoder in text_encoder/.
type ModelInfo struct {
	Architecture string   `json:"architecture"` // variant of nn/model; "unet" for diffusion
	Task         string   `json:"task"`
	Classes      []string `json:"classes,omitempty"`
	MultiLabel   bool     `json:"multi_label,omitempty"` // each class is judged by itself, by the sigmoid of its logit
	model.Input
	Captions  int  `json:"max_length,omitempty"` // tokens a caption
	FineTuned bool `json:"fine_tuned"`           // base/ and an adapter instead of weights
	// GlobalPool is how the features are pooled, where that is not as the architecture does it by itself.
	GlobalPool string `json:"global_pool,omitempty"`

	*TimmConfig // of merged weights
}

const (
	modelFile   = "config.json"
	weightsFile = "model.safetensors"
	baseDir     = "base"
)

// ReadModelInfo reads the config.json of a model folder, or what stands for it in a folder of diffusers.
func ReadModelInfo(dir string) (ModelInfo, error) {
	var info ModelInfo
	err := readJSON(filepath.Join(dir, modelFile), &info)
	if _, missing := os.Stat(filepath.Join(dir, indexFile)); missing == nil && errors.Is(err, os.ErrNotExist) {
		return publishedInfo(dir)
	}
	if errors.Is(err, os.ErrNotExist) {
		err = cmp.Or(refuseAdapter(dir), err)
	}
	if err != nil {
		return info, fmt.Errorf("not a model: %w", err)
	}
	if info.Task != TaskClassifier && info.Task != TaskDiffusion {
		return info, fmt.Errorf("%s: task %q is not known", filepath.Join(dir, modelFile), info.Task)
	}
	if len(info.Mean) != info.Channels || len(info.Std) != info.Channels {
		return info, fmt.Errorf("%s: %d means and %d deviations for %d channels",
			filepath.Join(dir, modelFile), len(info.Mean), len(info.Std), info.Channels)
	}
	return info, nil
}

// write writes config.json into dir, which is made.
func (i ModelInfo) write(dir string) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	return writeJSON(filepath.Join(dir, modelFile), i)
}

// FineTunedAlready says how to go on from a fine-tuned model.
const FineTunedAlready = `it is fine-tuned already: give it to a stage "merge" "NAME", which works its changes into the weights, and give merge.NAME.model here`

// ErrOtherTask is the error of a model folder that holds a model for something else.
var ErrOtherTask = errors.New("the model is for another task")

func (i ModelInfo) require(dir, task string) error {
	if i.Task != task {
		return fmt.Errorf("%s: %w: %s, not %s", dir, ErrOtherTask, i.Task, task)
	}
	return nil
}

func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}

// ClassIndex is the place of a label among the model's classes, -1 if it has none.
func (i ModelInfo) ClassIndex(label string) int32 { return int32(slices.Index(i.Classes, label)) }
