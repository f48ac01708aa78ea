package artifact

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"gorgonia.org/gorgonia"

	"github.com/pipe-ml/pipe/nn/checkpoint"
	"github.com/pipe-ml/pipe/nn/diffusion"
	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/model"
	"github.com/pipe-ml/pipe/nn/peft"
)

// Diffusion is a text-to-image model with its weights and tokenizer.
type Diffusion struct {
	Info    ModelInfo
	Model   *diffusion.Model
	Adapter *peft.Adapter // of a fine-tuned model, else nil
	// Tokenizer is the folder with vocab.json and merges.txt that made the captions' tokens.
	Tokenizer string
}

// The parts of a diffusion model's folder.
const (
	unetDir      = "unet"
	textDir      = "text_encoder"
	tokenizerDir = "tokenizer"
	schedulerDir = "scheduler"
	codecDir     = "vae"

	unetWeights   = "diffusion_pytorch_model.safetensors"
	schedulerFile = "scheduler_config.json"
	emptyFile     = "empty_caption.json"
)

// tokenizerFiles are what a tokenizer is.
var tokenizerFiles = []string{"vocab.json", "merges.txt"}

// declare records the parameters of both networks in the model's weights.
func declare(m *diffusion.Model) error {
	b := layer.NewBuilder(gorgonia.NewGraph(), m.Weights, nil)
	m.Network(b)
	return b.Finish()
}

// Write writes a model trained from scratch.
func (d *Diffusion) Write(dir string) error {
	m := d.Model
	if err := declare(m); err != nil {
		return err
	}
	if err := d.Info.write(dir); err != nil {
		return err
	}
	var unet, text []string
	for _, name := range m.Weights.Names() {
		if diffusion.IsText(name) {
			text = append(text, name)
		} else {
			unet = append(unet, name)
		}
	}
	for _, part := range []struct {
		dir, file string
		config    any
		weights   string
		names     []string
	}{
		{unetDir, modelFile, m.UNet, unetWeights, unet},
		{textDir, modelFile, m.Text, weightsFile, text},
		{schedulerDir, schedulerFile, m.Schedule.Config, "", nil},
		{codecDir, modelFile, m.Codec, "", nil},
		{tokenizerDir, emptyFile, m.Empty, "", nil},
	} {
		at := filepath.Join(dir, part.dir)
		if err := os.MkdirAll(at, 0o777); err != nil {
			return err
		}
		if err := writeJSON(filepath.Join(at, part.file), part.config); err != nil {
			return err
		}
		if part.weights == "" {
			continue
		}
		tensors := checkpoint.FromWeights(m.Weights, part.names)
		if err := checkpoint.Write(filepath.Join(at, part.weights), tensors, map[string]string{"format": "pt"}); err != nil {
			return err
		}
	}
	for _, f := range tokenizerFiles {
		if err := copyFile(filepath.Join(dir, tokenizerDir, f), filepath.Join(d.Tokenizer, f)); err != nil {
			return err
		}
	}
	return nil
}

// ReadDiffusion reads a diffusion model's folder, fine-tuned or not. Parameters that fine-tuning adds to it start from seed.
func ReadDiffusion(dir string, seed uint64) (*Diffusion, error) {
	info, err := ReadModelInfo(dir)
	if err != nil {
		return nil, err
	}
	if err := info.require(dir, TaskDiffusion); err != nil {
		return nil, err
	}
	parts := dir
	if info.FineTuned {
		parts = filepath.Join(dir, baseDir)
	}
	d := &Diffusion{Info: info, Tokenizer: filepath.Join(parts, tokenizerDir)}
	if d.Model, err = readParts(parts, info.Size, seed); err != nil {
		return nil, fmt.Errorf("%s: %w", parts, err)
	}
	if info.FineTuned {
		if d.Adapter, err = peft.Load(dir, d.Model.Denoiser, d.Model.Weights); err != nil {
			return nil, err
		}
		d.Model.Plan = d.Adapter.Plan
	}
	return d, nil
}

func readParts(dir string, size int, seed uint64) (*diffusion.Model, error) {
	codec := &diffusion.HaarCodec{}
	m := &diffusion.Model{Size: size, UNet: &model.UNet{}, Text: &model.CLIPText{}, Codec: codec, Weights: layer.NewWeights(seed)}
	var schedule diffusion.ScheduleConfig
	err := errors.Join(
		readJSON(filepath.Join(dir, unetDir, modelFile), m.UNet),
		readJSON(filepath.Join(dir, textDir, modelFile), m.Text),
		readJSON(filepath.Join(dir, codecDir, modelFile), codec),
		readJSON(filepath.Join(dir, tokenizerDir, emptyFile), &m.Empty),
		readJSON(filepath.Join(dir, schedulerDir, schedulerFile), &schedule),
	)
	if err != nil {
		return nil, err
	}
	if m.Schedule, err = diffusion.NewSchedule(schedule); err != nil {
		return nil, err
	}
	if err := m.Validate(); err != nil {
		return nil, err
	}
	if err := declare(m); err != nil {
		return nil, err
	}
	tensors, _, err := checkpoint.Read(filepath.Join(dir, unetDir, unetWeights))
	if err != nil {
		return nil, err
	}
	text, _, err := checkpoint.Read(filepath.Join(dir, textDir, weightsFile))
	if err != nil {
		return nil, err
	}
	for name, t := range text {
		tensors[name] = t
	}
	_, err = checkpoint.Load(m.Weights, tensors, checkpoint.LoadOptions{})
	return m, err
}

// WriteFineTuned writes a fine-tuned model beside the files of the one it came from, whose folder is base.
func (d *Diffusion) WriteFineTuned(dir, base string) error {
	info := d.Info
	info.FineTuned = true
	if err := info.write(dir); err != nil {
		return err
	}
	if err := copyTree(filepath.Join(dir, baseDir), base); err != nil {
		return err
	}
	return d.Adapter.Save(dir, d.Model.Weights)
}

// SameTokenizer refuses a tokenizer folder other than the one that the model was trained with.
func (d *Diffusion) SameTokenizer(dir string) error {
	for _, f := range tokenizerFiles {
		own, err := os.ReadFile(filepath.Join(d.Tokenizer, f))
		if err != nil {
			return err
		}
		other, err := os.ReadFile(filepath.Join(dir, f))
		if err != nil {
			return err
		}
		if !bytes.Equal(own, other) {
			return fmt.Errorf("%s differs from the model's %s: tokenize the captions with the model's vocabulary", filepath.Join(dir, f), f)
		}
	}
	return nil
}
