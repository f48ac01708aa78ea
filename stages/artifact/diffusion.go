package artifact

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"gorgonia.org/gorgonia"

	"github.com/pipe-ml/pipe/nn/checkpoint"
	"github.com/pipe-ml/pipe/nn/diffusion"
	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/peft"
	"github.com/pipe-ml/pipe/nn/token"
)

// Diffusion is a text-to-image model with its weights and tokenizer.
type Diffusion struct {
	Info  ModelInfo
	Model *diffusion.Model
	// What fine-tuning changed of each network; nil: nothing.
	Adapter     *peft.Adapter // of the U-Net
	TextAdapter *peft.Adapter // of the text encoder
	// Tokenizer is the folder with vocab.json and merges.txt that made the captions' tokens.
	Tokenizer string

	archives []*checkpoint.Archive // in which weights lie
	base     string                // the folder of files
	files    []string              // that it was read from, but for what fine-tuning changed, relative to their folder
}

// The parts of a diffusion model's folder, by diffusers' names.
const (
	indexFile     = "model_index.json"
	unetDir       = "unet"
	textDir       = "text_encoder"
	tokenizerDir  = "tokenizer"
	schedulerDir  = "scheduler"
	codecDir      = "vae"
	unetWeights   = "diffusion_pytorch_model.safetensors"
	schedulerFile = "scheduler_config.json"
)

// Close ends the use of a model that was read: nothing may compute with its weights any more. Without it, its files stay mapped until the
// process ends.
func (d *Diffusion) Close() error { return closeAll(d.archives) }

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
	tokenizer, err := token.Load(d.Tokenizer)
	if err != nil {
		return err
	}
	for _, part := range []struct {
		dir, file string
		config    any
		weights   string
		names     []string
	}{
		{"", indexFile, ownIndex, "", nil},
		{unetDir, modelFile, m.UNet, unetWeights, unet},
		{textDir, modelFile, m.Text, weightsFile, text},
		{schedulerDir, schedulerFile, m.Schedule.Config, "", nil},
		{codecDir, modelFile, m.Codec, "", nil},
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
	return tokenizer.Save(filepath.Join(dir, tokenizerDir))
}

// IsDiffusion tells whether dir is a diffusion model's folder, be it sound or not.
func IsDiffusion(dir string) bool {
	if _, err := os.Stat(filepath.Join(dir, indexFile)); err == nil {
		return true
	}
	info, err := ReadModelInfo(dir)
	return err == nil && info.Task == TaskDiffusion
}

// ReadDiffusion reads a diffusion model's folder, ours or a published one of Stable Diffusion, fine-tuned or not. Parameters that fine-tuning adds to it start from seed.
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
	read := &partsReader{dir: parts}
	if d.Model, err = read.model(info, seed); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", parts, err), closeAll(read.archives))
	}
	d.base, d.files, d.archives = parts, read.files, read.archives
	if info.FineTuned {
		if err := d.readAdapters(dir); err != nil {
			return nil, errors.Join(err, d.Close())
		}
	}
	return d, nil
}

// readAdapters reads what fine-tuning changed: of the U-Net in dir, of the text encoder in text_encoder/ below it. One of them may be absent.
func (d *Diffusion) readAdapters(dir string) (err error) {
	text := filepath.Join(dir, textDir)
	tunes := fileExists(filepath.Join(text, peft.ConfigFile))
	if tunes {
		if d.TextAdapter, err = peft.Load(text, d.Model.TextEncoder, d.Model.Weights); err != nil {
			return err
		}
	}
	if !tunes || fileExists(filepath.Join(dir, peft.ConfigFile)) {
		if d.Adapter, err = peft.Load(dir, d.Model.Denoiser, d.Model.Weights); err != nil {
			return err
		}
	}
	tuned, err := d.Tuned()
	if err == nil {
		d.Model.Plan = tuned.Plan
	}
	return err
}

// FineTuned tells whether fine-tuning changed anything.
func (d *Diffusion) FineTuned() bool { return d.Adapter != nil || d.TextAdapter != nil }

// Tuned is what fine-tuning changed of both networks, nil if nothing.
func (d *Diffusion) Tuned() (*peft.Adapter, error) {
	switch {
	case d.TextAdapter == nil:
		return d.Adapter, nil
	case d.Adapter == nil:
		return d.TextAdapter, nil
	}
	return peft.Join(d.Adapter, d.TextAdapter)
}

// WriteFineTuned writes a fine-tuned model beside the files of the one it came from.
func (d *Diffusion) WriteFineTuned(dir string) error {
	info := d.Info
	info.FineTuned = true
	if err := info.write(dir); err != nil {
		return err
	}
	for _, f := range d.files {
		if err := d.copyFile(filepath.Join(dir, baseDir), f); err != nil {
			return err
		}
	}
	if d.TextAdapter != nil {
		text := filepath.Join(dir, textDir)
		if err := os.MkdirAll(text, 0o777); err != nil {
			return err
		}
		if err := d.TextAdapter.Save(text, d.Model.Weights); err != nil {
			return err
		}
	}
	if d.Adapter == nil {
		return nil
	}
	return d.Adapter.Save(dir, d.Model.Weights)
}

// copyFile copies one of the files that the model was read from to its place below dir.
func (d *Diffusion) copyFile(dir, file string) error {
	to := filepath.Join(dir, file)
	if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
		return err
	}
	return copyFile(to, filepath.Join(d.base, file))
}

// SameTokenizer refuses a tokenizer folder other than the one that the model was trained with.
func (d *Diffusion) SameTokenizer(dir string) error {
	own, err := token.Load(d.Tokenizer)
	if err != nil {
		return err
	}
	other, err := token.Load(dir)
	if err != nil {
		return err
	}
	if !own.Same(other) {
		return fmt.Errorf("%s differs from the model's vocabulary: tokenize the captions with that, the folder %s", dir, d.Tokenizer)
	}
	return nil
}
