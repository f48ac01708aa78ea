package stages

import (
	"math"

	"github.com/pipe-ml/pipe/nn/optim"
	"github.com/pipe-ml/pipe/nn/train"
	"github.com/pipe-ml/pipe/stages/artifact"
)

// training is what pretrain and finetune let the user choose about the optimisation. Zero means the task's
// default.
type training struct {
	Steps       int     `pipe:"steps,optional" min:"1" doc:"Optimiser steps. Default: 600 for pretraining; for fine-tuning 60, of a diffusion model 200."`
	Epochs      float64 `pipe:"epochs,optional" min:"0" doc:"Passes over the training data after which training ends even if steps are left."`
	BatchSize   int     `pipe:"batch_size,optional" min:"1" doc:"Images a step; never more than there are. Default: 32, for diffusion 16."`
	LR          float64 `pipe:"lr,optional" min:"0" doc:"Peak learning rate of AdamW. Default, and 0: the method's."`
	WeightDecay float64 `pipe:"weight_decay" default:"0.01" min:"0" doc:"Decoupled weight decay; biases, norms, embeddings are spared."`
	Schedule    string  `pipe:"schedule" default:"cosine" enum:"cosine,constant" doc:"Course of the learning rate after the warm-up."`
	Warmup      float64 `pipe:"warmup" default:"0.1" min:"0" max:"0.9" doc:"Share of the steps in which the learning rate rises."`
	ClipNorm    float64 `pipe:"clip_norm" default:"1" min:"0" doc:"Bound of the gradients' global norm; 0: none."`
	Patience    int     `pipe:"patience" default:"4" min:"0" doc:"Validations without a better one after which training stops; 0: never."`
	EvalEvery   int     `pipe:"eval_every,optional" min:"1" doc:"Steps between validations. Default: a sixth of the steps."`
	Seed        uint64  `pipe:"seed" default:"0" min:"0" doc:"Of the weights' initial values, the order and the augmentation."`
}

// diffusing is what they let the user choose about the training of a diffusion model.
type diffusing struct {
	CaptionDropout float64 `pipe:"caption_dropout" default:"0.1" min:"0" max:"1" doc:"Share of a diffusion model's captions that training replaces by the empty one, for guidance."`
	SNRGamma       float64 `pipe:"snr_gamma,optional" min:"0" doc:"Gamma of min-SNR weighting of a diffusion model's timesteps; 5 is usual. Default: all weigh alike."`
}

// unread refuses what a classifier does not read.
func (d diffusing) unread() error {
	if d.SNRGamma > 0 {
		return wrong("snr_gamma", "is for a diffusion model, whose timesteps it weighs: leave it out, or give tokens")
	}
	return nil
}

// defaults are a task's values for what the user left open.
type defaults struct {
	steps, batch int
	lr           float64
}

// plan is a training's choices with nothing left open.
type plan struct {
	batch  int
	config train.Config
}

// plan fills in the defaults for n training examples.
func (t training) plan(d defaults, n int) plan {
	pick := func(v, or int) int {
		if v == 0 {
			return or
		}
		return v
	}
	steps, batch := pick(t.Steps, d.steps), min(pick(t.BatchSize, d.batch), n)
	if t.Epochs > 0 {
		steps = min(steps, max(1, int(math.Ceil(t.Epochs*float64(n)/float64(batch)))))
	}
	lr := t.LR
	if lr == 0 {
		lr = d.lr
	}
	return plan{
		batch: batch,
		config: train.Config{
			Optim:     optim.Config{Rule: "adamw", WeightDecay: t.WeightDecay, ClipNorm: t.ClipNorm},
			Schedule:  optim.Schedule{Kind: t.Schedule, Peak: lr, Warmup: int(t.Warmup * float64(steps)), Total: steps},
			EvalEvery: pick(t.EvalEvery, max(1, steps/6)),
			Patience:  t.Patience,
		},
	}
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

// reportRun records what a run did.
func reportRun(r Reporter, res train.Result) {
	if !math.IsNaN(res.Best) {
		r.Metric("val_loss", res.Best)
	}
	r.Metric("train_loss", res.Loss)
	r.Metric("steps", float64(res.Steps))
	r.Metric("best_step", float64(res.BestStep))
	if res.Early {
		r.Log("stopped early after %d steps; the best validation was after %d", res.Steps, res.BestStep)
	}
}

// trainImages is preprocessed images as the trainer takes them.
func trainImages(m *artifact.Images) train.Images {
	out := train.Images{Size: m.Info.Size, Channels: m.Info.Channels, Pixels: m.Pixels, Labels: make([]int32, len(m.Records))}
	for i, rec := range m.Records {
		out.Labels[i] = int32(rec.Label)
	}
	return out
}

// labelled keeps the images that have a class.
func labelled(images train.Images, index []int) []int {
	var out []int
	for _, i := range index {
		if images.Labels[i] >= 0 {
			out = append(out, i)
		}
	}
	return out
}
