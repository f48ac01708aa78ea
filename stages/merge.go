package stages

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pipe-ml/pipe/nn/peft"
	"github.com/pipe-ml/pipe/stages/artifact"
)

func init() {
	Register(Type{
		Name:    "merge",
		Version: 1,
		Doc: "Works what fine-tuning changed into the weights (PEFT's merge_and_unload), and writes the whole model as it is published.\n\n" +
			"A classifier becomes config.json and model.safetensors under timm's and torchvision's names, which timm reads by " +
			"create_model(\"local-dir:PATH\"); a diffusion model the folder of diffusers that it came from, with other weights. They are float32. Every stage that takes " +
			"a model takes it, so that a fine-tuned model can be fine-tuned again.\n\n" +
			"With adapter, model is a pretrained network and adapter what the PEFT library saved for it (save_pretrained): " + strings.Join(peft.Foreign(), ", ") + ".\n\n" +
			"Methods that merge: " + strings.Join(mergeable(), ", ") + ".",
		CPUs:   1,
		Memory: 1 << 30,
		New:    func() Stage { return &merge{} },
	})
}

type merge struct {
	Network string   `pipe:"architecture,optional" doc:"With adapter: the network that published weights are of, where no config.json beside them tells."`
	Classes []string `pipe:"classes,optional" filled:"true" doc:"With adapter, of a classifier: what its outputs are called, in their order, where the model does not tell."`

	Base    Input  `pipe:"model" kind:"model" doc:"A fine-tuned model; with adapter the pretrained one, or published weights, as finetune takes them."`
	Adapter Input  `pipe:"adapter,optional" doc:"A folder with the PEFT library's adapter_config.json and adapter_model.safetensors, trained on model."`
	Out     Output `pipe:"model" kind:"model" doc:"The whole model."`
}

// mergeable lists the methods that can be worked into the weights.
func mergeable() []string {
	var names []string
	for _, name := range peft.Names() {
		if m, err := peft.Lookup(name); err == nil && m.Merge == peft.Exact {
			names = append(names, name)
		}
	}
	return names
}

// Validate implements Validator.
func (s *merge) Validate() error {
	var errs []error
	given := s.Adapter.Path != ""
	switch from := s.Base.From.(type) {
	case *finetune:
		if m, err := peft.Lookup(from.Method); err == nil && m.Merge != peft.Exact {
			errs = append(errs, wrong("model", "%s cannot be merged into the weights: use the fine-tuned model as it is, or fine-tune by one of %s",
				from.Method, strings.Join(mergeable(), ", ")))
		}
		if given {
			errs = append(errs, wrong("adapter", "the model is fine-tuned, with an adapter of its own: leave this one out, or give the pretrained model"))
		}
	case *pretrain, *merge:
		if !given {
			errs = append(errs, wrong("model", "it is not fine-tuned, its weights are whole: use it as it is, or give an adapter too"))
		}
	}
	const unread = "is for an adapter of the PEFT library, and none is given: leave it out, or give one"
	if !given && s.Network != "" {
		errs = append(errs, wrong("architecture", unread))
	}
	if !given && s.Classes != nil {
		errs = append(errs, wrong("classes", unread))
	}
	for i, class := range s.Classes {
		switch {
		case class == "":
			errs = append(errs, wrong(fmt.Sprintf("classes[%d]", i), "is empty: give the output a name"))
		case slices.Contains(s.Classes[:i], class):
			errs = append(errs, wrong(fmt.Sprintf("classes[%d]", i), "%q is a second time: give each output a name of its own", class))
		}
	}
	return errors.Join(errs...)
}

func (s *merge) Run(_ context.Context, r Reporter) error {
	if artifact.IsDiffusion(s.Base.Path) {
		return s.runDiffusion()
	}
	read := func() (*artifact.Classifier, error) { return artifact.ReadClassifier(s.Base.Path) }
	if s.Adapter.Path != "" {
		read = func() (*artifact.Classifier, error) {
			return artifact.ReadAdapted(s.Base.Path, s.Network, s.Adapter.Path, s.Classes)
		}
	}
	c, err := read()
	if err != nil {
		return err
	}
	defer c.Close()
	for _, change := range c.Changes {
		r.Log("%s: %s", c.Info.Architecture, change)
	}
	return c.WriteMerged(string(s.Out))
}

func (s *merge) runDiffusion() error {
	d, err := artifact.ReadDiffusion(s.Base.Path, 0)
	if err != nil {
		return err
	}
	defer d.Close()
	if s.Adapter.Path != "" {
		if err := d.Adapt(s.Adapter.Path); err != nil {
			return err
		}
	}
	return d.WriteMerged(string(s.Out))
}
