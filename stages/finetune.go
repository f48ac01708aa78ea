package stages

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/pipe-ml/pipe/accel/cpu"
	"github.com/pipe-ml/pipe/nn/model"
	"github.com/pipe-ml/pipe/nn/peft"
	"github.com/pipe-ml/pipe/nn/train"
	"github.com/pipe-ml/pipe/stages/artifact"
)

func init() {
	Register(Type{
		Name:    "finetune",
		Version: 3,
		Doc: "Adapts a pretrained network to new images by one of the fine-tuning methods: " + strings.Join(peft.Names(), ", ") + ".\n\n" +
			"A classifier gets a new head for the data's classes; a diffusion model (give tokens too) learns new images and captions. " +
			"What the method leaves alone is frozen. The result holds the base model and the difference. A method that would " +
			"train nothing on the network is refused.\n\n" + methodOptions(),
		CPUs:   1,
		Memory: 1 << 30,
		New:    func() Stage { return &finetune{} },
	})
}

type finetune struct {
	Method   string         `pipe:"method" doc:"The fine-tuning method."`
	Options  map[string]any `pipe:"options,optional" doc:"Options of the method, such as { rank = 4 }."`
	Blocks   []int          `pipe:"blocks,optional" min:"0" doc:"Blocks of the network on which the method acts. Default: all."`
	Fraction float64        `pipe:"fraction" default:"1" min:"0.00001" max:"1" doc:"Share of the training images; smaller shares lie in larger ones."`
	Shift    int            `pipe:"shift" default:"-1" min:"-1" doc:"Random shift of training images in pixels; -1: one in 64 of their size."`
	Flip     bool           `pipe:"flip" default:"false" doc:"Flip training images left to right at random; radiographs have a left and a right."`
	training

	Base   Input  `pipe:"model" kind:"model" doc:"A pretrained model, or a folder with published weights (MobileNet-v1 in TensorFlow.js form)."`
	Data   Input  `pipe:"data" kind:"images" doc:"Preprocessed images."`
	Tokens Input  `pipe:"tokens,optional" kind:"tokens" doc:"The images' captions, for a diffusion model; tokenized with that model's vocabulary."`
	Out    Output `pipe:"model" kind:"model" doc:"The fine-tuned model: base/, adapter and head."`
}

// methodOptions lists what options may set, a line a method.
func methodOptions() string {
	lines := []string{"Options by method, with their defaults:"}
	for _, name := range peft.Names() {
		m, err := peft.Lookup(name)
		if err != nil {
			continue // Names lists what Lookup finds
		}
		var options []string
		for _, o := range peft.Fields(m.New()) {
			set := o.Name
			if o.Default != nil {
				set += fmt.Sprintf(" = %v", o.Default)
			}
			options = append(options, set+" ("+o.Doc+")")
		}
		if len(options) > 0 {
			lines = append(lines, "  "+name+": "+strings.Join(options, ", "))
		}
	}
	return strings.Join(lines, "\n")
}

// fitting says which methods train something on a network.
func fitting(network peft.Model, seed uint64) string {
	rows, err := peft.Support(network, seed)
	if err != nil {
		return err.Error()
	}
	var names []string
	for _, row := range rows {
		if row.Refused == "" {
			names = append(names, row.Method)
		}
	}
	return "methods that fit it: " + strings.Join(names, ", ")
}

// Validate implements Validator.
func (s *finetune) Validate() error {
	m, err := peft.Lookup(s.Method)
	if err != nil {
		return wrong("method", "%v", err)
	}
	if _, err := m.Configure(s.Options); err != nil {
		return wrong("options", "%v", err)
	}
	return nil
}

func (s *finetune) Run(ctx context.Context, r Reporter) error {
	info, err := artifact.ReadModelInfo(s.Base.Path)
	if err == nil && info.Task == artifact.TaskDiffusion {
		return s.runDiffusion(ctx, r)
	}
	return s.runClassifier(ctx, r) // which also reads published weights
}

func (s *finetune) runClassifier(ctx context.Context, r Reporter) error {
	backbone, err := artifact.OpenBackbone(s.Base.Path)
	if err != nil {
		return err
	}
	m, err := artifact.ReadImages(s.Data.Path)
	if err != nil {
		return err
	}
	if len(m.Info.Classes) < 2 {
		return fmt.Errorf("the images have %d classes, a classifier needs two", len(m.Info.Classes))
	}
	c, err := backbone.Classifier(m.Info.Classes, m.Info.Size, s.Seed)
	if err != nil {
		return err
	}
	c.Adapter, err = peft.Prepare(c.Network, c.Weights, s.peft())
	if errors.Is(err, peft.ErrNothingToTrain) {
		return fmt.Errorf("%s: %w; %s", c.Info.Architecture, err, fitting(c.Network, s.Seed))
	}
	if err != nil {
		return err
	}
	logAdapter(r, c.Adapter)
	images := trainImages(m)
	fit := labelled(images, m.Fraction(s.Fraction))
	if len(fit) == 0 {
		return errors.New("no training image has a label")
	}
	variant, err := model.Lookup(c.Info.Architecture)
	if err != nil {
		return err
	}
	p := s.plan(defaults{steps: 60, batch: 32, lr: c.Adapter.Method.Rates[variant.Kind]}, len(fit))
	shift := s.Shift
	if shift < 0 {
		shift = m.Info.Size / 64
	}
	t := &train.Classifier{
		Model: c.Model, Weights: c.Weights, Plan: c.Plan(), Images: images, Train: fit, Val: labelled(images, m.Split(artifact.Val)),
		BatchSize: p.batch, Augment: train.Augment{Shift: shift, Flip: s.Flip},
		Optim: p.optim, Config: p.config, Seed: s.Seed, Progress: progress(r),
	}
	features := featuresOf(ctx, c, images, fit)
	step0, err := c.Adapter.ProveStep0(c.Weights, features)
	if err != nil {
		return err
	}
	r.Log("before the first step the output is %s to the frozen model's: it deviates by %.3g", c.Adapter.Method.Step0, step0)
	r.Log("%s: %s on %d of %d training images", c.Info.Architecture, s.Method, len(fit), len(m.Order))
	dev := cpu.New(0)
	defer dev.Close()
	res, err := t.Fit(ctx, dev)
	if err != nil {
		return err
	}
	reportRun(r, res)
	reportAdapter(r, c.Adapter)
	r.Metric("step0_deviation", step0)
	if c.Adapter.Method.Merge == peft.Exact {
		deviation, err := c.Adapter.ProveMerge(c.Weights, features)
		if err != nil {
			return err
		}
		r.Metric("merge_deviation", deviation)
		r.Log("merged into the weights, the output deviates by %.3g", deviation)
	}
	return backbone.WriteFineTuned(string(s.Out), c)
}

func (s *finetune) runDiffusion(ctx context.Context, r Reporter) error {
	if s.Tokens.Path == "" {
		return wrong("tokens", "a diffusion model needs the captions' tokens")
	}
	pairs, err := readPairs(s.Data.Path, s.Tokens.Path)
	if err != nil {
		return err
	}
	d, err := artifact.ReadDiffusion(s.Base.Path)
	if err != nil {
		return err
	}
	if d.Adapter != nil {
		return fmt.Errorf("%s: the model is fine-tuned already: give the pretrained one", s.Base.Path)
	}
	if err := d.SameTokenizer(s.Tokens.Path); err != nil {
		return err
	}
	if info := pairs.images.Info; info.Size != d.Info.Size || info.Channels != d.Info.Channels || pairs.tokens.MaxLength != d.Info.Captions {
		return fmt.Errorf("images of %d pixels and %d channels with captions of %d tokens; the model has %d, %d and %d",
			info.Size, info.Channels, pairs.tokens.MaxLength, d.Info.Size, d.Info.Channels, d.Info.Captions)
	}
	if d.Adapter, err = peft.Prepare(d.Model.Denoiser, d.Model.Weights, s.peft()); err != nil {
		return err
	}
	logAdapter(r, d.Adapter)
	d.Model.Plan = d.Adapter.Plan
	fit := pairs.images.Fraction(s.Fraction)
	p := s.plan(defaults{steps: 200, batch: 16, lr: d.Adapter.Method.Rates[model.Diffusion]}, len(fit))
	if err := pairs.fit(ctx, r, d.Model, fit, p, s.Seed); err != nil {
		return err
	}
	reportAdapter(r, d.Adapter)
	return d.WriteFineTuned(string(s.Out), s.Base.Path)
}

func (s *finetune) peft() peft.Options {
	return peft.Options{Method: s.Method, Config: s.Options, Blocks: s.Blocks}
}

// logAdapter tells what trains.
func logAdapter(r Reporter, a *peft.Adapter) {
	for _, p := range a.Trainable {
		r.Log("trains %s %v", p.Name, p.Shape)
	}
}

// reportAdapter records how much trained.
func reportAdapter(r Reporter, a *peft.Adapter) {
	r.Metric("trainable_percent", a.Count.WithoutHead())
	r.Metric("trainable_percent_with_head", a.Count.WithHead())
	r.Metric("trainable_parameters", float64(a.Count.Trained))
	r.Metric("head_parameters", float64(a.Count.Head))
	r.Metric("body_parameters", float64(a.Count.Body))
}
