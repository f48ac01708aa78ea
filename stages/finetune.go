package stages

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pipe-ml/pipe/nn/model"
	"github.com/pipe-ml/pipe/nn/peft"
	"github.com/pipe-ml/pipe/nn/train"
	"github.com/pipe-ml/pipe/stages/artifact"
)

func init() {
	Register(Type{
		Name:    "finetune",
		Version: 5,
		Doc: "Adapts a pretrained network to new images by a fine-tuning method (pipe docs peft compares them; pipe docs peft METHOD has its options and learning rates).\n\n" +
			"A classifier gets a new head for the data's classes; a diffusion model (give tokens too) learns new images and captions. " +
			"What the method leaves alone is frozen. The result holds the base model and the difference. A method that would " +
			"train nothing on the network is refused. What the method claims of its start and of merging is proven on the network " +
			"at hand, and the deviations are reported; a merge that deviates is a warning in the log, since the model holds without it.\n\n" + augmentDoc(),
		CPUs:   1,
		Memory: 1 << 30,
		New:    func() Stage { return &finetune{} },
	})
}

type finetune struct {
	Method   string         `pipe:"method" doc:"The fine-tuning method."`
	Options  map[string]any `pipe:"options,optional" doc:"Options of the method, such as { rank = 4 }; those left out or null have their defaults."`
	Blocks   []int          `pipe:"blocks,optional" filled:"true" min:"0" doc:"Blocks of the network on which the method acts, by number from 0: of a transformer, a ResNet, a DenseNet (its dense layers) or a U-Net, as pipe docs peft lists them; MobileNet-v1 has none. Default: all."`
	Layers   []string       `pipe:"layers,optional" filled:"true" doc:"Layers on which the method acts, by one or more segments of their paths, such as attn, norm? or blocks.3.mlp; with blocks both must hold. Default: all."`
	Fraction float64        `pipe:"fraction" default:"1" min:"0.00001" max:"1" doc:"Share of the training images; smaller shares lie in larger ones."`
	Shift    int            `pipe:"shift" default:"-1" min:"-1" doc:"Random shift of a classifier's training images in pixels; -1: one in 64 of their size."`
	Resize   bool           `pipe:"resize_positions,optional" doc:"Resample the positions that a transformer learned to the size of the images, where that is another one. Default: such images are refused."`
	Network  string         `pipe:"architecture,optional" doc:"The network that published weights are of, where no config.json beside them tells; one of those that stage type pretrain makes."`
	Flip     bool           `pipe:"flip" default:"false" doc:"Flip a classifier's training images left to right at random; radiographs have a left and a right."`
	Parts    []string       `pipe:"parts,optional" filled:"true" enum:"unet,text_encoder" doc:"Networks of a diffusion model on which the method acts, each by itself: unet, text_encoder; the adapter of the text encoder has the names of tensors of transformers >= 5. Default: the U-Net alone."`
	training
	diffusing
	computing

	Base    Input  `pipe:"model" kind:"model" doc:"A pretrained model, or published weights, by an hf:// address or a path: timm's, torchvision's with architecture, MobileNet-v1 in TensorFlow.js form, Stable Diffusion as diffusers lays it out."`
	Data    Input  `pipe:"data,optional" kind:"images" doc:"Preprocessed images."`
	Latents Input  `pipe:"latents,optional" kind:"latents" doc:"For a diffusion model, in place of data and tokens: what encode made of them with this model."`
	Tokens  Input  `pipe:"tokens,optional" kind:"tokens" doc:"The images' captions, for a diffusion model; tokenized with that model's vocabulary."`
	Out     Output `pipe:"model" kind:"model" doc:"The fine-tuned model: base/, adapter and head."`
}

// Canonical implements Canonical: options that are left out are written out.
func (*finetune) Canonical(config map[string]any) {
	canonicalAugment(config)
	canonicalParts(config)
	method, _ := config["method"].(string)
	options, _ := config["options"].(map[string]any)
	m, err := peft.Lookup(method)
	if err != nil {
		return
	}
	c, err := m.Configure(options)
	if err != nil {
		return
	}
	delete(config, "options")
	if values := peft.Values(c); len(values) > 0 {
		config["options"] = values
	}
}

// Validate implements Validator.
func (s *finetune) Validate() error {
	m, err := peft.Lookup(s.Method)
	if err != nil {
		return wrong("method", "%v", err)
	}
	var errs []error
	errs = append(errs, s.options(m)...)
	if before, ok := s.Base.From.(*finetune); ok {
		errs = append(errs, before.again())
	}
	if _, err := model.Lookup(s.Network); s.Network != "" && err != nil {
		errs = append(errs, unknownNetwork("architecture", s.Network, model.Names()))
	}
	const unread = "is for a classifier, and tokens are for a diffusion model, whose images are never moved: leave it out"
	if s.diffuses() && s.Flip {
		errs = append(errs, wrong("flip", unread))
	}
	if s.diffuses() && s.Shift >= 0 {
		errs = append(errs, wrong("shift", unread))
	}
	if !s.diffuses() {
		errs = append(errs, each(s.unread())...)
	}
	errs = append(errs, s.checkParts())
	if s.Data.Path == "" && s.Latents.Path == "" {
		errs = append(errs, wrong("data", "there is nothing to learn from: give preprocessed images, or for a diffusion model latents"))
	}
	for _, in := range []struct {
		name  string
		given Input
	}{{"data", s.Data}, {"tokens", s.Tokens}} {
		if s.Latents.Path != "" && in.given.Path != "" {
			errs = append(errs, wrong(in.name, "latents hold what they were encoded of: leave one of the two out"))
		}
	}
	return errors.Join(append(errs, s.check(s.diffuses())...)...)
}

// options says what is wrong with the method's options.
func (s *finetune) options(m peft.Method) (errs []error) {
	_, err := m.Configure(s.Options)
	for _, err := range each(err) {
		var o *peft.OptionError
		if errors.As(err, &o) {
			err = wrong("options."+o.Option, "%s", o.Message)
		}
		errs = append(errs, err)
	}
	return errs
}

// again refuses what this stage makes as another fine-tuning's base.
func (s *finetune) again() error {
	if m, err := peft.Lookup(s.Method); err == nil && m.Merge != peft.Exact {
		return wrong("model", "it is fine-tuned already, by %s, which cannot be merged into the weights: give the pretrained model, or fine-tune that first by one of %s",
			s.Method, strings.Join(mergeable(), ", "))
	}
	return wrong("model", "%s", artifact.FineTunedAlready)
}

// diffuses tells whether what is given is for a diffusion model.
func (s *finetune) diffuses() bool { return s.Tokens.Path != "" || s.Latents.Path != "" }

// pairs reads what a diffusion model learns from.
func (s *finetune) pairs() (imagePairs, error) {
	if s.Latents.Path != "" {
		return readEncoded(s.Latents.Path)
	}
	return readPairs(s.Data.Path, s.Tokens.Path)
}

func (s *finetune) Run(ctx context.Context, r Reporter) error {
	if artifact.IsDiffusion(s.Base.Path) {
		return s.runDiffusion(ctx, r)
	}
	return s.runClassifier(ctx, r) // which also reads published weights
}

func (s *finetune) runClassifier(ctx context.Context, r Reporter) error {
	if s.Latents.Path != "" {
		return wrong("latents", "the model is a classifier, which has none: give data, or a diffusion model")
	}
	if s.Tokens.Path != "" {
		return wrong("tokens", "the model is a classifier, which reads no captions: leave them out, or give a diffusion model")
	}
	backbone, err := artifact.OpenBackbone(s.Base.Path, s.Network)
	if err != nil {
		return err
	}
	defer backbone.Close()
	backbone.ResizePositions = s.Resize
	m, err := artifact.ReadImages(s.Data.Path)
	if err != nil {
		return err
	}
	if len(m.Info.Classes) < 2 && !m.Info.MultiLabel {
		return fmt.Errorf("the images have %d classes, a classifier needs two", len(m.Info.Classes))
	}
	c, err := backbone.Classifier(m.Info.Classes, m.Info.Size, s.Seed)
	if err != nil {
		return err
	}
	for _, change := range c.Changes {
		r.Log("%s: %s", c.Info.Architecture, change)
	}
	if m.Info.Channels != c.Info.Channels {
		r.Log("%s sees %d channels: those of an image, %d, are %s", c.Info.Architecture, c.Info.Channels, m.Info.Channels,
			map[bool]string{true: "averaged", false: "repeated"}[c.Info.Channels == 1])
	}
	adapters, err := s.prepare(r, c.Weights, network{name: c.Info.Architecture, model: c.Network})
	if err != nil {
		return err
	}
	c.Adapter = adapters[0]
	images := trainImages(m)
	fit := labelled(images, m.Fraction(s.Fraction))
	if len(fit) == 0 {
		return errors.New("no training image has a label")
	}
	variant, err := model.Lookup(c.Info.Architecture)
	if err != nil {
		return err
	}
	p, err := s.plan(r, defaults{steps: 60, batch: 32, lr: c.Adapter.Method.Rates[variant.Kind]}, len(fit))
	if err != nil {
		return err
	}
	shift := s.Shift
	if shift < 0 {
		shift = m.Info.Size / 64
	}
	t := &train.Classifier{
		Model: c.Model, Weights: c.Weights, Plan: c.Plan(), Images: images, Train: fit, Val: labelled(images, m.Split(artifact.Val)),
		BatchSize: p.batch, Augment: train.Augment{Shift: shift, Flip: s.Flip},
		Config: p.config, Seed: s.Seed, Progress: progress(r),
	}
	if err := s.recipe.apply(t); err != nil {
		return err
	}
	c.Info.MultiLabel = t.Loss.Kind == train.BCE
	r.Log("%s: %s on %d of %d training images", c.Info.Architecture, s.Method, len(fit), len(m.Order))
	err = proven(r, c.Adapter, c.Weights, s.logitsOf(ctx, c, images, fit), func() error {
		dev, err := s.open(r)
		if err != nil {
			return err
		}
		defer dev.Close()
		began := time.Now()
		res, err := t.Fit(ctx, dev)
		if err == nil {
			reportRun(r, res, p.images(), began)
		}
		return err
	})
	if err != nil {
		return err
	}
	return backbone.WriteFineTuned(string(s.Out), c)
}
