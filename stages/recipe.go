package stages

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pipe-ml/pipe/nn/augment"
	"github.com/pipe-ml/pipe/nn/train"
)

// recipe is what the training of a classifier lets the user choose beside the optimisation.
type recipe struct {
	Loss         string         `pipe:"loss,optional" enum:"cross_entropy,bce" doc:"A classifier's loss: cross_entropy for one class an image, bce (binary cross-entropy of each class) for images with several. Default: cross_entropy, of images with several labels bce."`
	Smoothing    float64        `pipe:"label_smoothing,optional" min:"0" max:"0.99" doc:"Share of a target that goes to all classes alike, of images with several labels to 0.5. Default: 0."`
	ClassWeights string         `pipe:"class_weights,optional" enum:"balanced" doc:"balanced: classes count alike in the loss however many of the training images have them (scikit-learn's weights); with bce, the positives of a class as much as its negatives."`
	LayerDecay   float64        `pipe:"layer_decay,optional" min:"0.000001" max:"1" doc:"Learning rate of each block as a share of that of the next one, the head having all of it; what a method shares among the blocks has all of it too. Default: 1."`
	HeadScale    float64        `pipe:"head_lr_scale,optional" min:"0.000001" doc:"Learning rate of the head as a multiple of the others'. Default: 1."`
	Augment      map[string]any `pipe:"augment,optional" doc:"Random changes of a classifier's training images, such as { mixup = 0.2, rand_augment = 2 }; its settings are above."`
}

// augmenting is what augment may set.
type augmenting struct {
	Scale      []float64 `pipe:"scale,optional" min:"0.001" max:"1" doc:"Bounds of the share of the image that a random crop takes, [0.08, 1] say (RandomResizedCrop). Default: no crop."`
	Ratio      []float64 `pipe:"ratio,optional" min:"0.1" max:"10" doc:"Bounds of the crop's width by its height. Default: [0.75, 1.3333333333333333]."`
	Operations int       `pipe:"rand_augment,optional" min:"1" max:"10" doc:"Operations that RandAugment applies to an image. Default: none."`
	Magnitude  int       `pipe:"magnitude" default:"9" min:"0" max:"30" doc:"How strong they are."`
	Brightness float64   `pipe:"brightness,optional" min:"0" max:"1" doc:"Bound of the change of brightness (ColorJitter), as of the next three."`
	Contrast   float64   `pipe:"contrast,optional" min:"0" max:"1" doc:"Of contrast."`
	Saturation float64   `pipe:"saturation,optional" min:"0" max:"1" doc:"Of saturation; grey images have none."`
	Hue        float64   `pipe:"hue,optional" min:"0" max:"0.5" doc:"Of hue, as a share of the circle."`
	Erasing    float64   `pipe:"random_erasing,optional" min:"0" max:"1" doc:"Probability that a rectangle is set to the mean."`
	Mixup      float64   `pipe:"mixup,optional" min:"0" max:"100" doc:"Alpha of mixup: images are blended with others of the batch. Of mixup and cutmix, one is drawn a batch."`
	CutMix     float64   `pipe:"cutmix,optional" min:"0" max:"100" doc:"Alpha of CutMix: a rectangle is taken from another image of the batch."`
}

// augmentSchema describes augmenting.
func augmentSchema() (Schema, error) {
	return SettingsSchema("augment", "Random changes of training images.", augmenting{})
}

// settings decodes augment.
func (c recipe) settings() (a augmenting, errs []error) {
	s, err := augmentSchema()
	if err != nil {
		return a, []error{err}
	}
	errs = s.FillSettings(&a, c.Augment)
	for _, err := range errs {
		var one *AttributeError
		if errors.As(err, &one) && !slices.Contains(s.Names(), one.Attribute) {
			one.Value, one.Known = one.Attribute, s.Names() // to suggest one
		}
	}
	for _, pair := range []struct {
		name string
		of   []float64
	}{{"scale", a.Scale}, {"ratio", a.Ratio}} {
		if n := len(pair.of); n != 0 && (n != 2 || pair.of[0] > pair.of[1]) {
			errs = append(errs, wrong(pair.name, "takes two bounds: give the lower one first"))
		}
	}
	if c.Augment["magnitude"] != nil && a.Operations == 0 {
		errs = append(errs, wrong("magnitude", "is RandAugment's, which is not asked for: set rand_augment, or leave it out"))
	}
	if len(a.Ratio) > 0 && len(a.Scale) == 0 {
		errs = append(errs, wrong("ratio", "is that of a random crop, and there is none: set scale"))
	}
	return a, errs
}

// policy is what augment asks for.
func (a augmenting) policy() (augment.Policy, augment.Mix) {
	p := augment.Policy{
		Operations: a.Operations, Magnitude: a.Magnitude, Brightness: a.Brightness, Contrast: a.Contrast, Saturation: a.Saturation, Hue: a.Hue,
		Erasing: a.Erasing,
	}
	if len(a.Scale) == 2 {
		p.Scale, p.Ratio = [2]float64(a.Scale), [2]float64{3. / 4, 4. / 3}
	}
	if len(a.Ratio) == 2 {
		p.Ratio = [2]float64(a.Ratio)
	}
	return p, augment.Mix{Mixup: a.Mixup, CutMix: a.CutMix}
}

// check says what is wrong in augment, and which choices a diffusion model has no use for.
func (c recipe) check(diffuses bool) []error {
	var errs []error
	for _, own := range []struct {
		name  string
		given bool
	}{
		{"loss", c.Loss != ""}, {"label_smoothing", c.Smoothing > 0}, {"class_weights", c.ClassWeights != ""}, {"layer_decay", c.LayerDecay > 0},
		{"head_lr_scale", c.HeadScale > 0}, {"augment", len(c.Augment) > 0},
	} {
		if diffuses && own.given {
			errs = append(errs, wrong(own.name, "is for a classifier, and tokens are for a diffusion model: leave it out"))
		}
	}
	_, wrongs := c.settings()
	for _, err := range wrongs {
		var one *AttributeError
		if errors.As(err, &one) {
			one.Attribute = "augment." + one.Attribute
		}
		errs = append(errs, err)
	}
	return errs
}

// canonicalAugment fills in what augment leaves open.
func canonicalAugment(config map[string]any) {
	given, _ := config["augment"].(map[string]any)
	s, err := augmentSchema()
	if err != nil || len(given) == 0 {
		return
	}
	if normal, errs := s.Normalise(given); len(errs) == 0 {
		if normal["rand_augment"] == nil && given["magnitude"] == nil {
			delete(normal, "magnitude") // its default is that of nothing
		}
		config["augment"] = normal
	}
}

// apply gives the choices to the training of a classifier.
func (c recipe) apply(t *train.Classifier) error {
	a, errs := c.settings()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	t.Augment.Policy, t.Augment.Mix = a.policy()
	t.Rates = train.Rates{LayerDecay: c.LayerDecay, Head: c.HeadScale}
	t.Loss = train.Loss{Kind: c.Loss, Smoothing: c.Smoothing}
	if t.Loss.Kind == "" && t.Images.Targets != nil {
		t.Loss.Kind = train.BCE
	}
	if t.Images.Targets != nil && t.Loss.Kind != train.BCE {
		return wrong("loss", "the images have several labels each, of which the cross-entropy takes one: leave it out, or set loss = \"bce\"")
	}
	if c.ClassWeights != "" {
		t.Loss.Weights = t.Images.Balanced(t.Loss.Kind, t.Model.Classes(), t.Train)
	}
	return nil
}

// augmentDoc documents what augment may set.
func augmentDoc() string {
	var doc strings.Builder
	doc.WriteString("Settings of augment, by the definitions of torchvision and timm:\n")
	s, _ := augmentSchema() // a test checks it
	for _, a := range s.Attributes {
		fmt.Fprintf(&doc, "\n  %s", a.Name)
		if a.Default != nil {
			fmt.Fprintf(&doc, " = %v", a.Default)
		}
		fmt.Fprintf(&doc, ": %s", a.Doc)
	}
	return doc.String()
}
