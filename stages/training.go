package stages

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/pipe-ml/pipe/nn/optim"
	"github.com/pipe-ml/pipe/nn/train"
	"github.com/pipe-ml/pipe/stages/artifact"
)

// training is what pretrain and finetune let the user choose about the optimisation. Zero means the task's
// default.
type training struct {
	Steps             int       `pipe:"steps,optional" min:"1" doc:"Optimiser steps. Default: 600 for pretraining; for fine-tuning 60, of a diffusion model 200."`
	Epochs            float64   `pipe:"epochs,optional" min:"0" doc:"Passes over the training data after which training ends even if steps are left."`
	BatchSize         int       `pipe:"batch_size,optional" min:"1" doc:"Images a batch; never more than there are. Default: 32, for diffusion 16."`
	Accumulate        int       `pipe:"grad_accum_steps,optional" min:"1" doc:"Batches whose mean gradient a step follows: as one batch that many times as large, but for batch norms, which see each by itself. Default: 1."`
	LR                float64   `pipe:"lr,optional" min:"0" doc:"Peak learning rate. Default, and 0: for fine-tuning the method's for the kind of network (pipe docs peft METHOD); for pretraining 0.002."`
	MinLR             float64   `pipe:"min_lr,optional" min:"0" doc:"Learning rate at the end of the cosine or linear schedule. Default: 0."`
	Schedule          string    `pipe:"schedule" default:"cosine" enum:"cosine,linear,constant" doc:"Course of the learning rate after the warm-up."`
	Warmup            float64   `pipe:"warmup" default:"0.1" min:"0" max:"0.9" doc:"Share of the steps in which the learning rate rises."`
	Optimizer         string    `pipe:"optimizer,optional" enum:"adamw,sgd" doc:"Rule of the update. Default: adamw."`
	WeightDecay       float64   `pipe:"weight_decay" default:"0.01" min:"0" doc:"Weight decay, decoupled in adamw; biases, norms, embeddings are spared."`
	Betas             []float64 `pipe:"betas,optional" min:"0" max:"0.9999999" doc:"Decay of adamw's two moments. Default: [0.9, 0.999]."`
	Eps               float64   `pipe:"eps,optional" min:"1e-30" doc:"What adamw adds to the root of the second moment. Default: 1e-8."`
	Momentum          float64   `pipe:"momentum,optional" min:"0" max:"0.9999999" doc:"Momentum of sgd. Default: 0; 0.9 is customary."`
	Nesterov          bool      `pipe:"nesterov,optional" doc:"Nesterov's step, of sgd with momentum."`
	ClipNorm          float64   `pipe:"clip_norm" default:"1" min:"0" doc:"Bound of the gradients' global norm; 0: none."`
	EMADecay          float64   `pipe:"ema_decay,optional" min:"0" max:"0.9999999" doc:"Decay of an exponential moving average of the weights and running statistics, which is then what is validated and kept (timm's ModelEmaV3). Default: none."`
	EMAWarmup         bool      `pipe:"ema_warmup,optional" doc:"Let that decay rise from 0: of update n it is at most 1 - n^(-2/3)."`
	GradCheckpointing bool      `pipe:"grad_checkpointing,optional" doc:"Compute the activations within blocks again in the backward, instead of holding them: less memory, more time, the same bits."`
	Patience          int       `pipe:"patience" default:"4" min:"0" doc:"Validations without a better one after which training stops; 0: never."`
	EvalEvery         int       `pipe:"eval_every,optional" min:"1" doc:"Steps between validations. Default: a sixth of the steps."`
	Seed              uint64    `pipe:"seed" default:"0" min:"0" doc:"Of the weights' initial values, the order and the augmentation."`
	recipe

	scratch string
}

// Resume implements Resumer.
func (t *training) Resume(dir string) { t.scratch = dir }

// check says what of the choices does not go together. A classifier's are not for a diffusion model.
func (t training) check(diffuses bool) []error {
	sgd := t.Optimizer == "sgd"
	var errs []error
	if len(t.Betas) != 0 && len(t.Betas) != 2 {
		errs = append(errs, wrong("betas", "adamw has two of them, not %d: give both", len(t.Betas)))
	}
	for _, only := range []struct {
		name  string
		given bool
		sgds  bool
	}{{"betas", len(t.Betas) > 0, false}, {"eps", t.Eps > 0, false}, {"momentum", t.Momentum > 0, true}, {"nesterov", t.Nesterov, true}} {
		if only.given && only.sgds != sgd {
			other := map[bool]string{true: "sgd", false: "adamw"}[only.sgds]
			errs = append(errs, wrong(only.name, "is %s's, and the optimizer is %s: leave it out, or set optimizer = %q", other, cmp.Or(t.Optimizer, "adamw"), other))
		}
	}
	if sgd && t.Nesterov && t.Momentum == 0 {
		errs = append(errs, wrong("nesterov", "is a step along the momentum: set momentum, or leave it out"))
	}
	if t.LR > 0 && t.MinLR > t.LR {
		errs = append(errs, wrong("min_lr", "%v is above the peak, lr = %v", t.MinLR, t.LR))
	}
	if t.MinLR > 0 && t.Schedule == "constant" {
		errs = append(errs, wrong("min_lr", "the constant schedule does not come down to it: leave it out, or set schedule"))
	}
	if t.EMAWarmup && t.EMADecay == 0 {
		errs = append(errs, wrong("ema_warmup", "there is no average to warm up: set ema_decay, or leave it out"))
	}
	return append(errs, t.recipe.check(diffuses)...)
}

// diffusing is what they let the user choose about the training of a diffusion model.
type diffusing struct {
	CaptionDropout *float64 `pipe:"caption_dropout,optional" min:"0" max:"1" doc:"Share of a diffusion model's captions that training replaces by the empty one, for guidance. Default: 0.1."`
	SNRGamma       float64  `pipe:"snr_gamma,optional" min:"0" doc:"Gamma of min-SNR weighting of a diffusion model's timesteps; 5 is usual. Default: all weigh alike."`
}

// unread refuses what a classifier does not read.
func (d diffusing) unread() error {
	var errs []error
	if d.CaptionDropout != nil {
		errs = append(errs, wrong("caption_dropout", "is for a diffusion model, which learns from captions: leave it out, or give tokens"))
	}
	if d.SNRGamma > 0 {
		errs = append(errs, wrong("snr_gamma", "is for a diffusion model, whose timesteps it weighs: leave it out, or give tokens"))
	}
	return errors.Join(errs...)
}

// dropped is the share of captions that training leaves out.
func (d diffusing) dropped() float64 {
	if d.CaptionDropout == nil {
		return 0.1
	}
	return *d.CaptionDropout
}

// defaults are a task's values for what the user left open.
type defaults struct {
	steps, batch int
	lr           float64
}

// plan is a training's choices with nothing left open.
type plan struct {
	batch  int // images a batch, of which a step has config.Accumulate
	config train.Config
}

// plan fills in the defaults for n training examples.
func (t training) plan(r Reporter, d defaults, n int) (plan, error) {
	steps, batch := cmp.Or(t.Steps, d.steps), min(cmp.Or(t.BatchSize, d.batch), n)
	if t.Epochs > 0 {
		perStep := float64(batch * max(1, t.Accumulate))
		steps = min(steps, max(1, int(math.Ceil(t.Epochs*float64(n)/perStep))))
	}
	o := optim.Config{
		Rule: cmp.Or(t.Optimizer, "adamw"), WeightDecay: t.WeightDecay, ClipNorm: t.ClipNorm, Momentum: t.Momentum, Nesterov: t.Nesterov,
	}
	if o.Rule == "adamw" {
		o.Beta1, o.Beta2, o.Eps = 0.9, 0.999, cmp.Or(t.Eps, 1e-8)
	}
	if len(t.Betas) == 2 {
		o.Beta1, o.Beta2 = t.Betas[0], t.Betas[1]
	}
	keep, err := t.keep(r)
	return plan{
		batch: batch,
		config: train.Config{
			Optim: o,
			Schedule: optim.Schedule{
				Kind: t.Schedule, Peak: cmp.Or(t.LR, d.lr), Min: t.MinLR, Warmup: int(t.Warmup * float64(steps)), Total: steps,
			},
			Accumulate: t.Accumulate,
			Average:    train.Average{Decay: t.EMADecay, Warmup: t.EMAWarmup},
			Recompute:  t.GradCheckpointing,
			EvalEvery:  cmp.Or(t.EvalEvery, max(1, steps/6)),
			Patience:   t.Patience,
			Keep:       keep,
		},
	}, err
}

// images is how many a step sees.
func (p plan) images() int { return p.batch * max(1, p.config.Accumulate) }

// checkpointVariable is the environment variable for how often a training's state is kept. It is no attribute, for it changes no result.
const checkpointVariable = "PIPE_CHECKPOINT"

// keep is where the training's state is kept: in the action's scratch folder, once a minute.
func (t training) keep(r Reporter) (train.Keep, error) {
	if t.scratch == "" {
		return train.Keep{}, nil
	}
	k := train.Keep{Path: filepath.Join(t.scratch, "training.safetensors"), Every: time.Minute, Log: r.Log}
	if text := os.Getenv(checkpointVariable); text != "" {
		var err error
		if k.Every, err = time.ParseDuration(text); err != nil {
			return k, fmt.Errorf("%s: %w: give a duration such as 30s or 10m", checkpointVariable, err)
		}
	}
	return k, nil
}

// progress passes a training's progress on and logs its validations, so that the log tells the course of a run.
func progress(r Reporter) train.Progress {
	return func(step, total int, values map[string]float64) {
		r.Progress(step, total, values)
		if val, ok := values["val"]; ok {
			r.Log("step %d of %d: loss %.4g, validation loss %.4g", step, total, values["loss"], val)
		}
	}
}

// reportRun records what a run did since it began; a step had batch images.
func reportRun(r Reporter, res train.Result, batch int, began time.Time) {
	if res.Refused != nil {
		r.Log("each kernel of a step was launched by itself, which is slower: %v", res.Refused)
	}
	if !math.IsNaN(res.Best) {
		r.Metric("val_loss", res.Best)
	}
	r.Metric("train_loss", res.Loss)
	r.Metric("steps", float64(res.Steps))
	r.Metric("best_step", float64(res.BestStep))
	if res.Early {
		r.Log("stopped early after %d steps; the best validation was after %d", res.Steps, res.BestStep)
	}
	footprint(r, res, batch, time.Since(began))
}

// trainImages is preprocessed images as the trainer takes them.
func trainImages(m *artifact.Images) train.Images {
	out := train.Images{Size: m.Info.Size, Channels: m.Info.Channels, Pixels: m.Pixels, Labels: make([]int32, len(m.Records))}
	for i, rec := range m.Records {
		out.Labels[i] = int32(rec.Label)
	}
	if m.Info.MultiLabel {
		out.Targets = targets(m)
	}
	return out
}

// targets are 1 for the labels that an image has and 0 for the others, -1 where they are not known [N, classes].
func targets(m *artifact.Images) []float32 {
	classes := len(m.Info.Classes)
	all := make([]float32, len(m.Records)*classes)
	for i, rec := range m.Records {
		row := all[i*classes : (i+1)*classes]
		if rec.Labels == nil {
			for c := range row {
				row[c] = -1
			}
		}
		for _, c := range rec.Labels {
			row[c] = 1
		}
	}
	return all
}

// labelled keeps the images of which it is known what they show.
func labelled(images train.Images, index []int) []int {
	var out []int
	for _, i := range index {
		known := images.Labels[i] >= 0
		if images.Targets != nil {
			classes := len(images.Targets) / images.Len()
			known = images.Targets[i*classes] >= 0 // of all or of none
		}
		if known {
			out = append(out, i)
		}
	}
	return out
}
