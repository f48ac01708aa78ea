package peft

import (
	"fmt"
	"math"
	"slices"

	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/model"
)

// LoRA adds a low-rank change to weights: W + alpha/r * B A.
//
// Linear maps and 1x1 convolutions: A [r, in], B [out, r], computed on the activations, so that no gradient of the whole
// weight is formed. A fused projection is changed slice by slice: by default q and v of an attention. Convolutions of k x k:
// loralib's form, A [r*k, in*k] and B [out/groups*k, r*k], B A read in row-major order as the kernel [out, in/groups, k, k].
// A starts as kaiming_uniform(a=sqrt(5)), B at 0: step 0 equals the frozen model. It merges.
//
// Default targets: q and v (q_proj, v_proj of a text encoder, to_q, to_v of a U-Net); in a CNN the k x k convolutions of
// its blocks, and where these are depthwise the 1x1 convolutions, the stem excepted.
//
// The PEFT library's form of a k x k convolution, by option: A [r, in, k, k], B [out, r, 1, 1], a change of rank r of the flattened kernel;
// loralib's has up to k*r.
//
// Paper: Hu et al. 2021, arXiv:2106.09685; reference code microsoft/LoRA (loralib), whose MergedLinear the slices replace. Rank 8
// and alpha 8 are those of the author's code for medical images (Raman1121/Layer-Masking), which forgot to train the new head; the same author's
// for Stable Diffusion are rank 16 with alpha 27 in the U-Net and 17 in the text encoder. Dropout acts on the input of A of linear maps and 1x1
// convolutions, as in loralib, whose convolutions have none: with k x k targets it is refused.
//
// Counts, rank 8: ViT-B/16 q, v 294,912; ResNet-50 3x3 543,744. Rank 16: SD-1.5 U-Net 1,594,368.
type LoRA struct {
	Rank    int                `pipe:"rank" default:"8" min:"1" doc:"rank of the change"`
	Alpha   float64            `pipe:"alpha" default:"8" doc:"the change is multiplied by alpha / rank"`
	RSLoRA  bool               `pipe:"rslora" default:"false" doc:"multiply by alpha / sqrt(rank) instead (arXiv:2312.03732)"`
	Dropout float64            `pipe:"dropout" default:"0" min:"0" max:"0.99" doc:"share of the inputs of A that training leaves out"`
	Conv    string             `pipe:"conv" default:"loralib" oneof:"loralib,peft" doc:"form of k x k convolutions: loralib or peft"`
	Targets []string           `pipe:"targets" doc:"sites or slices by the end of their path; default: q and v of attentions, convolutions of CNNs"`
	Ranks   map[string]float64 `pipe:"rank_pattern" doc:"ranks of targets that differ, by the end of their path"`
	Alphas  map[string]float64 `pipe:"alpha_pattern" doc:"alphas of targets that differ, by the end of their path"`
}

func init() {
	register(Method{
		Name: "lora", Title: "LoRA", Formula: "W + alpha/r * B A", Paper: "arXiv:2106.09685",
		Step0: Equal, Merge: Exact, Statistics: layer.FrozenStatistics, PEFTType: "LORA",
		Rates: Rates{model.CNN: 2e-3, model.Transformer: 1e-2, model.Diffusion: 3e-3},
		New:   func() Config { return &LoRA{} },
	})
}

// Apply implements Config.
func (c *LoRA) Apply(s layer.Sites) ([]layer.Edit, error) {
	chosen, err := c.choose(s)
	if err != nil {
		return nil, err
	}
	if err := c.checkPatterns(chosen); err != nil {
		return nil, err
	}
	var edits []layer.Edit
	for _, t := range chosen {
		l, err := c.change(t)
		if err != nil {
			return nil, err
		}
		if t.site.Kind == layer.KindLinear || pointwise(t.site) {
			edits = append(edits, layer.Delta{Site: t.site.Path, Slice: t.slice, Merged: l.product,
				Output: func(b *layer.Builder, x *layer.Node) *layer.Node {
					return l.output(b, b.Dropout("lora_dropout", x, float32(c.Dropout)), t.site)
				}})
			continue
		}
		if c.Dropout > 0 {
			return nil, unfit("dropout", "%s is a k x k convolution, whose kernel's change has no inputs to drop: set dropout = 0, or choose other targets", t.site.Path)
		}
		edits = append(edits, layer.Reweight{Site: t.site.Path, Weight: func(b *layer.Builder, w *layer.Node) *layer.Node {
			return b.Add(w, l.matrix(b, t.site.Weight))
		}, Merged: func(w []float32, v layer.Values) []float64 { return plus(w, l.product(v)) }})
	}
	return edits, nil
}

// size is a target's rank and what its change is multiplied by.
func (c *LoRA) size(path string) (rank int, scale float64) {
	rank, alpha := c.rank(path), c.alpha(path)
	if c.RSLoRA {
		return rank, alpha / math.Sqrt(float64(rank))
	}
	return rank, alpha / float64(rank)
}

func (c *LoRA) rank(path string) int { return int(pattern(c.Ranks, path, float64(c.Rank))) }

func (c *LoRA) alpha(path string) float64 { return pattern(c.Alphas, path, c.Alpha) }

// pattern is the value whose name matches path, the longest name if several do.
func pattern(values map[string]float64, path string, otherwise float64) float64 {
	best := ""
	for name, v := range values {
		if matches(name, path) && (len(name) > len(best) || len(name) == len(best) && name < best) {
			best, otherwise = name, v
		}
	}
	return otherwise
}

// checkPatterns refuses patterns that match no target, and ranks that are none.
func (c *LoRA) checkPatterns(chosen []target) error {
	var paths []string
	for _, t := range chosen {
		paths = append(paths, t.path())
	}
	for _, p := range []struct {
		option string
		values map[string]float64
	}{{"rank_pattern", c.Ranks}, {"alpha_pattern", c.Alphas}} {
		for _, name := range sortedKeys(p.values) {
			if !slices.ContainsFunc(paths, func(p string) bool { return matches(name, p) }) {
				return &OptionError{p.option, fmt.Sprintf("pattern %q matches nothing%s", name, suggest(name, paths))}
			}
		}
	}
	for _, name := range sortedKeys(c.Ranks) {
		if v := c.Ranks[name]; v < 1 || v != math.Trunc(v) {
			return &OptionError{"rank_pattern", fmt.Sprintf("%q: %v is not a rank", name, v)}
		}
	}
	return nil
}

// change is the form of a target's matrices.
func (c *LoRA) change(t target) (lowRank, error) {
	x := t.site
	rank, scale := c.size(t.path())
	switch {
	case x.Kind == layer.KindLinear:
		return lowRank{loraA, loraB, []int{rank, x.In}, []int{t.outputs(), rank}, scale}, nil
	case pointwise(x):
		return lowRank{loraA, loraB, []int{rank, x.In, 1, 1}, []int{x.Out, rank, 1, 1}, scale}, nil
	case c.Conv == "peft":
		if x.Groups > 1 {
			return lowRank{}, &OptionError{"conv", x.Path + " is a grouped convolution, which has only loralib's form: leave the target out, or set conv = \"loralib\""}
		}
		return lowRank{loraA, loraB, []int{rank, x.In, x.Weight[2], x.Weight[3]}, []int{x.Out, rank, 1, 1}, scale}, nil
	case x.Weight[2] != x.Weight[3]:
		return lowRank{}, unfit("conv", "%s has a kernel of %d x %d, loralib's form is for square ones: set conv = \"peft\"", x.Path, x.Weight[2], x.Weight[3])
	default:
		k := x.Weight[3]
		return lowRank{kernelA, kernelB, []int{rank * k, x.In * k}, []int{x.Out / x.Groups * k, rank * k}, scale}, nil
	}
}

// choose finds the listed targets, or the defaults.
func (c *LoRA) choose(s layer.Sites) ([]target, error) {
	if len(c.Targets) > 0 {
		return choose(s, c.Targets, layer.KindLinear, layer.KindConv)
	}
	out := queriesAndValues(s)
	if len(out) > 0 {
		return out, nil
	}
	conv := func(keep func(layer.Site) bool) []target {
		for i, x := range ofKind(s, func(x layer.Site) bool { return x.Kind == layer.KindConv }) {
			stem := x.Block < 0
			if s.Blocks == 0 {
				stem = i == 0
			}
			if !stem && x.Groups == 1 && keep(x) {
				out = append(out, target{site: x})
			}
		}
		return out
	}
	if out := conv(func(x layer.Site) bool { return !pointwise(x) }); len(out) > 0 {
		return out, nil
	}
	return conv(pointwise), nil
}

func pointwise(x layer.Site) bool {
	return x.Kind == layer.KindConv && x.Groups == 1 && x.Weight[2] == 1 && x.Weight[3] == 1
}

// outputs is the number of rows of the weight that the target covers.
func (t target) outputs() int {
	if t.slice == "" {
		return t.site.Out
	}
	return t.site.Out / len(t.site.Slices)
}

// queriesAndValues are the projections to q and v of attentions, and of diffusion networks and text encoders.
func queriesAndValues(s layer.Sites) (out []target) {
	for _, n := range []string{"q", "v", "to_q", "to_v", "q_proj", "v_proj"} {
		if found, err := choose(s, []string{n}, layer.KindLinear); err == nil {
			out = append(out, found...)
		}
	}
	return out
}
