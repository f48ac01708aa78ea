package model

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/agext/levenshtein"

	"github.com/pipe-ml/pipe/nn/layer"
)

// Classifier is an architecture with input and classes chosen.
type Classifier interface {
	// Features maps images [B, C, H, W] to features [B, D], what the head reads.
	Features(b *layer.Builder, images *layer.Node) *layer.Node
	// Head maps features [B, D] to logits [B, classes].
	Head(b *layer.Builder, features *layer.Node) *layer.Node
	// ResetHead returns the same body under a new head for classes classes.
	ResetHead(classes int) Classifier
	// Groups names the parts in the order of the computation: stem, blocks, head.
	Groups() []Group
	// NoDecay tells whether weight decay spares a parameter beside biases and norms, as timm's no_weight_decay.
	NoDecay(name string) bool
	// Input is what Features expects.
	Input() Input
	// Classes is the head's width.
	Classes() int
	// Pool is how one vector is made of the last features, in timm's words for global_pool.
	Pool() string
}

// Group is a part of a network: the parameters whose name is a prefix or starts with one and a dot.
type Group struct {
	Name     string
	Prefixes []string
}

// Has tells whether a parameter belongs to the group.
func (g Group) Has(name string) bool {
	for _, p := range g.Prefixes {
		if name == p || strings.HasPrefix(name, p+".") {
			return true
		}
	}
	return false
}

// Input is the images a model expects: square, and normalised as (x/255 - Mean) / Std per channel. It
// is part of the weights' record: a network fed otherwise is another network.
type Input struct {
	Size     int       `json:"size"`
	Channels int       `json:"channels"`
	Mean     []float32 `json:"mean"`
	Std      []float32 `json:"std"`
}

// Options adapt a variant. Zero keeps the row's value.
type Options struct {
	Size      int
	Channels  int
	Classes   int
	Mean, Std []float32 // of the channels, both or neither
	// GlobalPool is timm's argument: what one vector of the last features is made of. A ViT has "token" and "avg", the others "avg".
	GlobalPool string
}

// Kind is what a network is made of: fine-tuning methods have a learning rate for each.
type Kind string

// Kinds lists them.
func Kinds() []Kind { return []Kind{CNN, Transformer, Diffusion} }

// The kinds. Diffusion is the denoiser of a text-to-image model, which is no Classifier.
const (
	CNN         Kind = "cnn"         // convolutions: takes images of any size
	Transformer Kind = "transformer" // tokens at learned positions: takes images of one size
	Diffusion   Kind = "diffusion"
)

// Variant is one row of the registry.
type Variant struct {
	Name   string
	Kind   Kind
	Params int // of the body, for the row's input
	Input  Input
	Doc    string
	Source Source

	make func(in Input, classes int, pool string) (Classifier, error) // pool may be "", and is for what knows more than one
}

// New builds the variant's classifier.
func (v Variant) New(o Options) (Classifier, error) {
	in := v.Input
	if o.Size != 0 {
		in.Size = o.Size
	}
	if o.Channels != 0 && o.Channels != in.Channels {
		in.Channels, in.Mean, in.Std = o.Channels, resample(in.Mean, o.Channels), resample(in.Std, o.Channels)
	}
	if o.Mean != nil {
		in.Mean, in.Std = o.Mean, o.Std
	}
	if len(in.Mean) != in.Channels || len(in.Std) != in.Channels {
		return nil, fmt.Errorf("model %s: %d means and %d deviations for %d channels", v.Name, len(in.Mean), len(in.Std), in.Channels)
	}
	if in.Size < 1 || in.Channels < 1 || o.Classes < 0 {
		return nil, fmt.Errorf("model %s: %d x %d images with %d channels, %d classes", v.Name, in.Size, in.Size, in.Channels, o.Classes)
	}
	c, err := v.make(in, o.Classes, o.GlobalPool)
	if err == nil && o.GlobalPool != "" && o.GlobalPool != c.Pool() {
		err = fmt.Errorf("global_pool %q: there is %s", o.GlobalPool, c.Pool())
	}
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", v.Name, err)
	}
	return c, nil
}

// resample stretches per-channel constants to n channels: their average for grey, else repeated in turn.
func resample(v []float32, n int) []float32 {
	out := make([]float32, n)
	for i := range out {
		if n == 1 {
			for _, x := range v {
				out[0] += x / float32(len(v))
			}
		} else {
			out[i] = v[i%len(v)]
		}
	}
	return out
}

var variants = map[string]Variant{}

func register(rows ...Variant) {
	for _, v := range rows {
		if _, twice := variants[v.Name]; twice {
			panic("model: variant registered twice: " + v.Name)
		}
		if v.Source.Library == "" || v.Source.Weights == "" {
			panic("model: variant without a source: " + v.Name)
		}
		variants[v.Name] = v
	}
}

// Lookup finds a variant; an unknown name is an error that lists the names there are.
func Lookup(name string) (Variant, error) {
	v, ok := variants[name]
	if !ok {
		return Variant{}, fmt.Errorf("there is no network %q: %s (see pipe docs models)", name, nearest(name))
	}
	return v, nil
}

// nearest asks whether the variant is meant whose name is nearest, or names three where none is near.
func nearest(name string) string {
	names := Names()
	far := func(n string) int { return levenshtein.Distance(strings.ToLower(name), n, nil) }
	slices.SortStableFunc(names, func(a, b string) int { return far(a) - far(b) })
	if far(names[0]) <= max(2, len(name)/3) {
		return fmt.Sprintf("did you mean %q?", names[0])
	}
	return "the nearest are " + strings.Join(names[:3], ", ")
}

// Names lists the variants in alphabetical order.
func Names() []string {
	names := make([]string, 0, len(variants))
	for name := range variants {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// Decays tells whether weight decay applies to a parameter of shape: not to vectors (biases, norm gains and
// the like), nor to what the model spares.
func Decays(c interface{ NoDecay(name string) bool }, name string, shape []int) bool {
	return len(shape) > 1 && !c.NoDecay(name)
}

// The usual normalisations: to [-1, 1], and torchvision's.
var (
	half     = []float32{0.5, 0.5, 0.5}
	imageNet = Input{Size: 224, Channels: 3, Mean: []float32{0.485, 0.456, 0.406}, Std: []float32{0.229, 0.224, 0.225}}
)

// input is square images of size with channels, normalised to [-1, 1].
func input(size, channels int) Input {
	return Input{Size: size, Channels: channels, Mean: slices.Clone(half[:channels]), Std: slices.Clone(half[:channels])}
}
