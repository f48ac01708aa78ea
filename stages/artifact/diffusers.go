package artifact

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"gorgonia.org/gorgonia"

	"github.com/pipe-ml/pipe/nn/checkpoint"
	"github.com/pipe-ml/pipe/nn/diffusion"
	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/model"
	"github.com/pipe-ml/pipe/nn/token"
)

// modelIndex is diffusers' model_index.json: the library and the class of each part.
type modelIndex struct {
	Class       string    `json:"_class_name"`
	Scheduler   [2]string `json:"scheduler"`
	TextEncoder [2]string `json:"text_encoder"`
	Tokenizer   [2]string `json:"tokenizer"`
	UNet        [2]string `json:"unet"`
	VAE         [2]string `json:"vae"`
}

const (
	pipelineClass = "StableDiffusionPipeline"
	haarClass     = "HaarCodec"
)

// ownIndex is that of a model of ours.
var ownIndex = modelIndex{
	Class: pipelineClass, Scheduler: [2]string{"diffusers", "DDIMScheduler"}, TextEncoder: [2]string{"transformers", "CLIPTextModel"},
	Tokenizer: [2]string{"transformers", "CLIPTokenizer"}, UNet: [2]string{"diffusers", "UNet2DConditionModel"}, VAE: [2]string{"pipe", haarClass},
}

// indexKeys are its other keys: what judges or describes finished images is not read.
var indexKeys = model.PublishedKeys{
	Only:    map[string][]any{"image_encoder": {nil}},
	Ignored: []string{"_diffusers_version", "_name_or_path", "feature_extractor", "requires_safety_checker", "safety_checker"},
}

// UnmarshalJSON refuses pipelines other than Stable Diffusion's.
func (x *modelIndex) UnmarshalJSON(text []byte) error {
	var class struct {
		Name string `json:"_class_name"`
	}
	if err := json.Unmarshal(text, &class); err != nil {
		return err
	}
	if class.Name != pipelineClass {
		return fmt.Errorf("pipeline %q: only %s is supported", class.Name, pipelineClass)
	}
	type plain modelIndex
	if err := indexKeys.Decode("pipeline", text, (*plain)(x)); err != nil {
		return err
	}
	for _, part := range []struct {
		name      string
		got, want [2]string
	}{
		{textDir, x.TextEncoder, ownIndex.TextEncoder}, {tokenizerDir, x.Tokenizer, ownIndex.Tokenizer}, {unetDir, x.UNet, ownIndex.UNet},
	} {
		if part.got != part.want {
			return fmt.Errorf("%s is of %v: only %v is supported", part.name, part.got, part.want)
		}
	}
	return nil
}

// publishedInfo describes a folder of diffusers' StableDiffusionPipeline as it is published: images of sample_size latents a
// side, captions as long as the text encoder takes.
func publishedInfo(dir string) (ModelInfo, error) {
	var unet model.UNet
	var text model.CLIPText
	var vae model.AutoencoderKL
	err := errors.Join(
		readJSON(filepath.Join(dir, indexFile), new(modelIndex)),
		readJSON(filepath.Join(dir, unetDir, modelFile), &unet),
		readJSON(filepath.Join(dir, textDir, modelFile), &text),
		readJSON(filepath.Join(dir, codecDir, modelFile), &vae),
	)
	if err != nil {
		return ModelInfo{}, fmt.Errorf("not a model: %w", err)
	}
	in := model.Input{Size: unet.SampleSize * vae.Shrink(), Channels: vae.InChannels}
	for range in.Channels {
		in.Mean, in.Std = append(in.Mean, 0.5), append(in.Std, 0.5)
	}
	return ModelInfo{Architecture: pipelineClass, Task: TaskDiffusion, Input: in, Captions: text.MaxPositionEmbeddings}, nil
}

// partsReader reads the parts of a diffusion model's folder and remembers which files they are. Weights stay in the archives, which
// are the caller's to close.
type partsReader struct {
	dir      string
	files    []string // relative to dir
	archives []*checkpoint.Archive
}

func closeAll(archives []*checkpoint.Archive) error {
	var errs []error
	for _, a := range archives {
		errs = append(errs, a.Close())
	}
	return errors.Join(errs...)
}

// json reads a part's configuration.
func (r *partsReader) json(v any, dir string) error {
	r.files = append(r.files, filepath.Join(dir, modelFile))
	return readJSON(filepath.Join(r.dir, dir, modelFile), v)
}

// schedule reads the noise schedule. Python writes the absent bound of DPM-Solver as -Infinity, which is not JSON.
func (r *partsReader) schedule(c *diffusion.ScheduleConfig) error {
	file := filepath.Join(schedulerDir, schedulerFile)
	r.files = append(r.files, file)
	text, err := os.ReadFile(filepath.Join(r.dir, file))
	if err != nil {
		return err
	}
	if err := decodeStrict(bytes.ReplaceAll(text, []byte("-Infinity"), []byte("null")), c); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

// tensors opens a part's weights.
func (r *partsReader) tensors(dir string) (map[string]checkpoint.Tensor, error) {
	archive, err := checkpoint.OpenArchive(filepath.Join(r.dir, dir))
	if err != nil {
		return nil, err
	}
	r.archives = append(r.archives, archive)
	for _, f := range archive.Files {
		r.files = append(r.files, filepath.Join(dir, filepath.Base(f)))
	}
	return archive.Tensors, nil
}

// model reads all parts. info says what their own files do not.
func (r *partsReader) model(info ModelInfo, seed uint64) (*diffusion.Model, error) {
	m := &diffusion.Model{Size: info.Size, UNet: &model.UNet{}, Text: &model.CLIPText{}, Weights: layer.NewWeights(seed)}
	var schedule diffusion.ScheduleConfig
	err := errors.Join(
		r.json(m.UNet, unetDir), r.json(m.Text, textDir), r.schedule(&schedule),
		r.tokenizer(m, info.Captions), r.codec(m), r.described(),
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
	unet, err := r.tensors(unetDir)
	if err != nil {
		return nil, err
	}
	text, err := r.tensors(textDir)
	if err != nil {
		return nil, err
	}
	all := checkpoint.CLIPTextFromTransformers(text)
	for name, t := range unet {
		all[name] = t
	}
	_, err = checkpoint.Load(m.Weights, all, checkpoint.LoadOptions{})
	return m, err
}

// described remembers the files that describe the whole: config.json of ours, model_index.json.
func (r *partsReader) described() error {
	for _, f := range []string{modelFile, indexFile} {
		if _, err := os.Stat(filepath.Join(r.dir, f)); err == nil {
			r.files = append(r.files, f)
		} else if !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// tokenizer sets the empty caption.
func (r *partsReader) tokenizer(m *diffusion.Model, length int) error {
	t, err := token.Load(filepath.Join(r.dir, tokenizerDir))
	if err != nil {
		return err
	}
	for _, f := range token.Files() {
		if _, err := os.Stat(filepath.Join(r.dir, tokenizerDir, f)); err == nil {
			r.files = append(r.files, filepath.Join(tokenizerDir, f))
		}
	}
	if t.Len() > m.Text.VocabSize {
		return fmt.Errorf("the tokenizer has %d ids, the text encoder knows %d", t.Len(), m.Text.VocabSize)
	}
	m.Empty = t.Row("", length)
	return nil
}

// codec reads the autoencoder, or the wavelets that stand for it in a model of ours.
func (r *partsReader) codec(m *diffusion.Model) error {
	config, err := os.ReadFile(filepath.Join(r.dir, codecDir, modelFile))
	if err != nil {
		return err
	}
	var class struct {
		Name string `json:"_class_name"`
	}
	if err := json.Unmarshal(config, &class); err != nil {
		return fmt.Errorf("%s: %w", filepath.Join(codecDir, modelFile), err)
	}
	if class.Name == haarClass {
		haar := &diffusion.HaarCodec{}
		m.Codec = haar
		return r.json(haar, codecDir)
	}
	a := &diffusion.Autoencoder{Model: &model.AutoencoderKL{}, Weights: layer.NewWeights(0)}
	m.Codec = a
	if err := r.json(a.Model, codecDir); err != nil {
		return err
	}
	if err := a.Model.Validate(); err != nil {
		return err
	}
	b := layer.NewBuilder(gorgonia.NewGraph(), a.Weights, nil)
	a.Network(b)
	if err := b.Finish(); err != nil {
		return err
	}
	tensors, err := r.tensors(codecDir)
	if err != nil {
		return err
	}
	_, err = checkpoint.Load(a.Weights, checkpoint.AutoencoderKLFromDiffusers(tensors), checkpoint.LoadOptions{})
	return err
}
