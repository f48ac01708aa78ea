package stages

import (
	"context"
	"slices"

	"github.com/pipe-ml/pipe/nn/model"
	"github.com/pipe-ml/pipe/nn/peft"
	"github.com/pipe-ml/pipe/stages/artifact"
)

// The networks of a diffusion model that a method may act on.
const (
	partUNet = "unet"
	partText = "text_encoder"
)

// canonicalParts puts the parts into one order; the U-Net alone is what leaving them out means.
func canonicalParts(config map[string]any) {
	given, _ := config["parts"].([]any)
	delete(config, "parts")
	switch unet, text := slices.Contains(given, any(partUNet)), slices.Contains(given, any(partText)); {
	case unet && text:
		config["parts"] = []any{partUNet, partText}
	case text:
		config["parts"] = []any{partText}
	}
}

// tunes tells whether the method acts on a part of the diffusion model.
func (s *finetune) tunes(part string) bool {
	return slices.Contains(s.Parts, part) || len(s.Parts) == 0 && part == partUNet
}

// checkParts says which parts cannot be fine-tuned on what is given.
func (s *finetune) checkParts() error {
	switch {
	case len(s.Parts) > 0 && !s.diffuses():
		return wrong("parts", "are a diffusion model's, and a classifier is one network: leave them out, or give tokens")
	case s.tunes(partText) && s.Latents.Path != "":
		return wrong("parts", "latents hold the captions as a frozen text encoder sees them: give data and tokens in place of latents, or leave text_encoder out")
	}
	return nil
}

func (s *finetune) runDiffusion(ctx context.Context, r Reporter) error {
	if !s.diffuses() {
		return wrong("tokens", "the model is a diffusion model, which learns from captions: give those of the images, tokenized with its vocabulary")
	}
	pairs, err := s.pairs()
	if err != nil {
		return err
	}
	d, err := artifact.ReadDiffusion(s.Base.Path, s.Seed)
	if err != nil {
		return err
	}
	defer d.Close()
	if d.FineTuned() {
		return wrong("model", "%s", artifact.FineTunedAlready)
	}
	if err := pairs.fits(d, s.Tokens.Path); err != nil {
		return err
	}
	kind := model.Transformer
	var networks []network
	var adapters []**peft.Adapter
	if s.tunes(partUNet) {
		kind = model.Diffusion
		networks, adapters = append(networks, network{d.Info.Architecture, partUNet, d.Model.Denoiser}), append(adapters, &d.Adapter)
	}
	if s.tunes(partText) {
		networks = append(networks, network{"text encoder of " + d.Info.Architecture, partText, d.Model.TextEncoder})
		adapters = append(adapters, &d.TextAdapter)
	}
	prepared, err := s.prepare(r, d.Model.Weights, networks...)
	if err != nil {
		return err
	}
	for i, a := range prepared {
		*adapters[i] = a
	}
	tuned, err := d.Tuned()
	if err != nil {
		return err
	}
	d.Model.Plan = tuned.Plan
	fit := pairs.images.Fraction(s.Fraction)
	p, err := s.plan(r, defaults{steps: 200, batch: 16, lr: tuned.Method.Rates[kind]}, len(fit))
	if err != nil {
		return err
	}
	shown := pairs.captions
	if pairs.encoded != nil {
		shown = [][]int32{d.Model.Empty, d.Model.Empty} // at two timesteps
	}
	err = proven(r, tuned, d.Model.Weights, s.predictionOf(ctx, d.Model, shown), func() error {
		dev, err := s.open(r)
		if err != nil {
			return err
		}
		defer dev.Close()
		return pairs.fit(ctx, r, dev, d.Model, fit, p, s.diffusing, s.Seed)
	})
	if err != nil {
		return err
	}
	return d.WriteFineTuned(string(s.Out))
}
