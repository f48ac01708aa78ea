package stages

import (
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"slices"
	"strings"
	"time"

	"github.com/pipe-ml/pipe/nn/diffusion"
	"github.com/pipe-ml/pipe/nn/model"
	"github.com/pipe-ml/pipe/nn/train"
	"github.com/pipe-ml/pipe/stages/artifact"
	"github.com/pipe-ml/pipe/stages/phantom"
)

func init() {
	Register(Type{
		Name:    "pretrain",
		Version: 4,
		Doc: "Trains a network from scratch: a classifier on labelled images, or a text-to-image diffusion model on images with captions.\n\n" +
			"Images come from preprocess, or for a classifier from a generator such as phantom://fractals?classes=64. " +
			"The training split is trained on; the validation split chooses the weights that are kept.\n\n" + augmentDoc(),
		CPUs:   2,
		Memory: 2 << 30,
		New:    func() Stage { return &pretrain{} },
	})
}

type pretrain struct {
	Architecture string `pipe:"model" doc:"Which network: a classifier such as vit_micro_patch8_64, resnet10_64, or a diffusion model: unet_micro, unet_small."`
	training
	diffusing
	computing

	Data   Input  `pipe:"data" kind:"images" generated:"true" doc:"Preprocessed images, or a generator's phantom:// address."`
	Tokens Input  `pipe:"tokens,optional" kind:"tokens" doc:"The images' captions, for diffusion."`
	Out    Output `pipe:"model" kind:"model" doc:"The trained network."`
}

// Validate implements Validator.
func (s *pretrain) Validate() error {
	var errs []error
	known := append(model.Names(), diffusion.Variants()...)
	if !slices.Contains(known, s.Architecture) {
		errs = append(errs, unknownNetwork("model", s.Architecture, known))
	}
	if s.Data.URI != "" {
		if _, err := phantom.Parse(s.Data.URI); err != nil {
			errs = append(errs, wrongAddress("data", err))
		} else if s.diffuses() {
			errs = append(errs, wrong("data", "a diffusion model needs captions: give preprocessed images and tokens"))
		}
	} else if s.diffuses() && s.Tokens.Path == "" {
		errs = append(errs, wrong("tokens", "a diffusion model learns from captions: give those of the images, tokenized"))
	}
	if s.Tokens.Path != "" && slices.Contains(model.Names(), s.Architecture) {
		errs = append(errs, wrong("tokens", "%s is a classifier, which reads no captions: leave them out, or train one of %s",
			s.Architecture, strings.Join(diffusion.Variants(), ", ")))
	}
	if !s.diffuses() {
		errs = append(errs, each(s.unread())...)
	}
	return errors.Join(append(errs, s.check(s.diffuses())...)...)
}

// Canonical implements Canonical.
func (*pretrain) Canonical(config map[string]any) {
	canonicalAugment(config)
}

func (s *pretrain) diffuses() bool { return slices.Contains(diffusion.Variants(), s.Architecture) }

func (s *pretrain) Run(ctx context.Context, r Reporter) error {
	if s.diffuses() {
		return s.runDiffusion(ctx, r)
	}
	return s.runClassifier(ctx, r)
}

func (s *pretrain) runClassifier(ctx context.Context, r Reporter) error {
	images, classes, fit, val, err := s.labelledImages(ctx, r)
	if err != nil {
		return err
	}
	c, err := artifact.NewClassifier(s.Architecture, model.Options{Size: images.Size, Channels: images.Channels}, classes, s.Seed)
	if err != nil {
		return err
	}
	p, err := s.plan(r, defaults{steps: 600, batch: 32, lr: 2e-3}, len(fit))
	if err != nil {
		return err
	}
	t := &train.Classifier{
		Model: c.Model, Weights: c.Weights, Images: images, Train: fit, Val: val, BatchSize: p.batch,
		Augment: train.Augment{Shift: images.Size / 64, Flip: s.Data.URI != ""}, Config: p.config, Seed: s.Seed, Progress: progress(r),
	}
	if err := s.recipe.apply(t); err != nil {
		return err
	}
	c.Info.MultiLabel = t.Loss.Kind == train.BCE
	dev, err := s.open(r)
	if err != nil {
		return err
	}
	defer dev.Close()
	began := time.Now()
	res, err := t.Fit(ctx, dev)
	if err != nil {
		return err
	}
	reportRun(r, res, p.images(), began)
	return c.Write(string(s.Out))
}

// labelledImages reads the images, or makes them, with their classes and the images to train and to validate on.
func (s *pretrain) labelledImages(ctx context.Context, r Reporter) (images train.Images, classes []string, fit, val []int, err error) {
	if s.Data.URI != "" {
		return s.generate(ctx, r)
	}
	m, err := artifact.ReadImages(s.Data.Path)
	if err != nil {
		return images, nil, nil, nil, err
	}
	images = trainImages(m)
	fit, val = labelled(images, m.Order), labelled(images, m.Split(artifact.Val))
	if len(fit) == 0 {
		return images, nil, nil, nil, errors.New("no training image has a label")
	}
	return images, m.Info.Classes, fit, val, nil
}

// heldOut is the share of generated images, one in heldOut, that training does not see.
const heldOut = 16

// generate makes the images of a phantom in the network's size, in grey.
func (s *pretrain) generate(ctx context.Context, r Reporter) (images train.Images, classes []string, fit, val []int, err error) {
	v, err := model.Lookup(s.Architecture)
	if err != nil {
		return images, nil, nil, nil, err
	}
	address, err := phantom.Parse(s.Data.URI)
	if err != nil {
		return images, nil, nil, nil, err
	}
	if address, err = address.With("size", v.Input.Size); err != nil {
		return images, nil, nil, nil, err
	}
	set := address.Open()
	area := v.Input.Size * v.Input.Size
	images = train.Images{Size: v.Input.Size, Channels: 1, Pixels: make([]byte, len(set.Items)*area), Labels: make([]int32, len(set.Items))}
	errs := make([]error, len(set.Items))
	err = forEach(ctx, len(set.Items), r, func(i int) {
		img, err := set.Items[i].Load()
		if err != nil {
			errs[i] = err
			return
		}
		errs[i] = greyPixels(images.Pixels[i*area:(i+1)*area], img, v.Input.Size)
	})
	if err := errors.Join(append(errs, err)...); err != nil {
		return images, nil, nil, nil, err
	}
	for i, item := range set.Items {
		images.Labels[i] = int32(slices.Index(set.Classes, item.Label))
		// Classes are dealt in turn, so blocks of them are held out, not single images.
		if (i/len(set.Classes))%heldOut == heldOut-1 {
			val = append(val, i)
		} else {
			fit = append(fit, i)
		}
	}
	return images, set.Classes, fit, val, nil
}

// greyPixels writes the luminance of a square image to dst.
func greyPixels(dst []byte, img image.Image, size int) error {
	b := img.Bounds()
	if b.Dx() != size || b.Dy() != size {
		return fmt.Errorf("a generated image has %d x %d pixels, not %d", b.Dx(), b.Dy(), size)
	}
	for y := range size {
		for x := range size {
			dst[y*size+x] = color.GrayModel.Convert(img.At(b.Min.X+x, b.Min.Y+y)).(color.Gray).Y
		}
	}
	return nil
}
