package stages

import (
	"context"
	"errors"
	"fmt"
	"image"
	"slices"

	"github.com/pipe-ml/pipe/nn/diffusion"
	"github.com/pipe-ml/pipe/nn/model"
	"github.com/pipe-ml/pipe/nn/token"
	"github.com/pipe-ml/pipe/stages/artifact"
)

func init() {
	Register(Type{
		Name:    "sample",
		Version: 2,
		Doc: "Draws images from a text-to-image model by one of diffusers' schedulers, with classifier-free guidance.\n\n" +
			"Prompts are given, or are the captions of a split of preprocessed images, spread evenly over it. " +
			"An image depends on its prompt, the seed and its index only.",
		CPUs:   2,
		Memory: 1 << 30,
		New:    func() Stage { return &sampling{} },
	})
}

type sampling struct {
	Prompts   []string `pipe:"prompts,optional" doc:"What to draw, in turn. Default: the captions of data."`
	Split     string   `pipe:"split" default:"test" enum:"train,val,test" doc:"Whose captions to take."`
	Count     int      `pipe:"count" default:"16" min:"1" doc:"How many images."`
	Scheduler string   `pipe:"scheduler" default:"ddim" enum:"ddim,ddpm,pndm,dpmsolver++" doc:"How noise becomes an image: ddim; ddpm adds noise at each step; pndm and dpmsolver++ (2M) remember earlier steps, and need fewer. All follow the model's scheduler_config.json."`
	Steps     int      `pipe:"steps" default:"20" min:"1" max:"1000" doc:"Steps from noise to image, each an evaluation of the network; pndm takes one more, or nine."`
	Eta       float64  `pipe:"eta,optional" min:"0" max:"1" doc:"Noise that ddim adds at each step, as a share of ddpm's. Default: none."`
	Guidance  float64  `pipe:"guidance" default:"3" min:"0" doc:"How far to go beyond the conditional prediction; 1: no guidance."`
	Batch     int      `pipe:"batch_size" default:"16" min:"1" doc:"Images drawn at once."`
	Columns   int      `pipe:"columns" default:"8" min:"1" doc:"Of the contact sheet."`
	Rows      int      `pipe:"rows" default:"4" min:"1" doc:"Of the contact sheet, at most."`
	Seed      uint64   `pipe:"seed" default:"0" min:"0" doc:"Of the noise that images start from."`
	computing

	Model   Input  `pipe:"model" kind:"model" doc:"A diffusion model, fine-tuned or not, or Stable Diffusion as diffusers lays it out."`
	Data    Input  `pipe:"data,optional" kind:"images" doc:"Preprocessed images whose captions are the prompts."`
	Samples Output `pipe:"samples" kind:"samples" doc:"The images, their prompts, and a contact sheet."`
}

// Validate implements Validator.
func (s *sampling) Validate() error {
	switch from := s.Model.From.(type) {
	case *finetune:
		if !from.diffuses() {
			return errClassifier()
		}
	case *pretrain:
		if slices.Contains(model.Names(), from.Architecture) {
			return errClassifier()
		}
	}
	if s.Eta > 0 && s.Scheduler != "ddim" {
		return wrong("eta", "%s has no such choice: leave it out, or sample by ddim", s.Scheduler)
	}
	if len(s.Prompts) == 0 && s.Data.Path == "" {
		return wrong("prompts", "there is nothing to draw: give prompts, or data with captions")
	}
	if len(s.Prompts) > 0 && s.Data.Path != "" {
		return wrong("data", "prompts are given, so its captions are not read: leave one of the two out")
	}
	return nil
}

// errClassifier refuses a model that draws nothing.
func errClassifier() error {
	return wrong("model", "it is a classifier; sample needs a diffusion model: give one")
}

func (s *sampling) Run(ctx context.Context, r Reporter) error {
	d, err := artifact.ReadDiffusion(s.Model.Path, 0) // the samples' seed is not the model's
	if errors.Is(err, artifact.ErrOtherTask) {
		return errClassifier()
	}
	if err != nil {
		return err
	}
	defer d.Close()
	tokenizer, err := token.Load(d.Tokenizer)
	if err != nil {
		return err
	}
	samples, err := s.prompts()
	if err != nil {
		return err
	}
	captions := make([][]int32, len(samples))
	for i, x := range samples {
		captions[i] = tokenizer.Row(x.Prompt, d.Info.Captions)
	}
	dev, err := s.open(r)
	if err != nil {
		return err
	}
	defer dev.Close()
	sampler, err := diffusion.NewSampler(dev, d.Model, min(s.Batch, len(samples)),
		diffusion.SolverOptions{Scheduler: s.Scheduler, Steps: s.Steps, Eta: s.Eta}, s.Guidance)
	if err != nil {
		return err
	}
	drawn, err := sampler.Sample(ctx, captions, s.Seed, 0, func(share float64) {
		r.Progress(int(share*float64(len(samples))), len(samples), nil)
	})
	if err := errors.Join(err, sampler.Close()); err != nil {
		return err
	}
	images := make([]image.Image, len(drawn))
	for i, x := range drawn {
		images[i] = picture(x, d.Info.Channels, d.Info.Size)
	}
	r.Metric("images", float64(len(images)))
	info := artifact.SamplesInfo{Sampler: s.Scheduler, Steps: s.Steps, Eta: s.Eta, Guidance: s.Guidance, Seed: s.Seed}
	return artifact.WriteSamples(string(s.Samples), info, samples, images, s.Columns, s.Rows)
}

// prompts lists what to draw.
func (s *sampling) prompts() ([]artifact.Sample, error) {
	out := make([]artifact.Sample, s.Count)
	if len(s.Prompts) > 0 {
		for i := range out {
			out[i] = artifact.Sample{Prompt: s.Prompts[i%len(s.Prompts)], Seed: s.Seed}
		}
		return out, nil
	}
	m, err := artifact.ReadImages(s.Data.Path)
	if err != nil {
		return nil, err
	}
	var records []artifact.ImageRecord
	for _, i := range m.Split(s.Split) {
		if m.Records[i].Caption != "" {
			records = append(records, m.Records[i])
		}
	}
	if len(records) == 0 {
		return nil, fmt.Errorf("no image of the %s split has a caption", s.Split)
	}
	for i := range out {
		rec := records[i*max(len(records), s.Count)/s.Count%len(records)]
		out[i] = artifact.Sample{Prompt: rec.Caption, Seed: s.Seed}
		if rec.Label >= 0 {
			out[i].Label = m.Info.Classes[rec.Label]
		}
	}
	return out, nil
}

// picture makes an 8-bit image of x [channels, size, size] in [-1, 1].
func picture(x []float32, channels, size int) image.Image {
	area := size * size
	level := func(v float32) byte { return byte(float32(127.5*(v+1)) + 0.5) }
	if channels == 1 {
		img := image.NewGray(image.Rect(0, 0, size, size))
		for i, v := range x {
			img.Pix[i] = level(v)
		}
		return img
	}
	img := image.NewRGBA(image.Rect(0, 0, size, size))
	for i := range area {
		img.Pix[4*i], img.Pix[4*i+1], img.Pix[4*i+2], img.Pix[4*i+3] = level(x[i]), level(x[area+i]), level(x[2*area+i]), 255
	}
	return img
}
