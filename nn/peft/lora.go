package peft

import (
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
// Paper: Hu et al. 2021, arXiv:2106.09685; reference code microsoft/LoRA (loralib), whose MergedLinear the slices replace. Rank 8
// and alpha 8 are those of the author's code for medical images (Raman1121/Layer-Masking), which forgot to train the new head.
// Deviations: no dropout. For a k x k convolution the rank in loralib's sense is up to k*r of the flattened kernel; the
// PEFT library's convolution form is another one with the same name.
//
// Counts, rank 8: ViT-B/16 q, v 294,912; ResNet-50 3x3 543,744.
type LoRA struct {
	Rank    int      `pipe:"rank" default:"8" min:"1" doc:"rank of the change"`
	Alpha   float64  `pipe:"alpha" default:"8" doc:"the change is multiplied by alpha / rank"`
	Targets []string `pipe:"targets" doc:"sites or slices by the end of their path; default: q and v of attentions, convolutions of CNNs"`
}

func init() {
	register(Method{
		Name: "lora", Title: "LoRA", Formula: "W + alpha/r * B A", Paper: "arXiv:2106.09685",
		Step0: Equal, Merge: Exact, Statistics: layer.FrozenStatistics, PEFTType: "LORA",
		Rates: Rates{model.CNN: 2e-3, model.Transformer: 1e-2, model.Diffusion: 3e-3},
		New:   func() Config { return &LoRA{} },
	})
}

// Names of the matrices: PEFT's for linear maps and 1x1 convolutions, loralib's for the other kernels.
const (
	loraA, loraB     = "lora_A.weight", "lora_B.weight"
	kernelA, kernelB = "lora_A", "lora_B"
)

// Apply implements Config.
func (c *LoRA) Apply(s layer.Sites) ([]layer.Edit, error) {
	chosen, err := c.choose(s)
	if err != nil {
		return nil, err
	}
	scale := c.Alpha / float64(c.Rank)
	var edits []layer.Edit
	for _, t := range chosen {
		x := t.site
		d := layer.Delta{Site: x.Path, Slice: t.slice}
		switch {
		case x.Kind == layer.KindLinear:
			d.Output, d.Merged = c.linear(t.outputs(), scale)
		case pointwise(x):
			d.Output, d.Merged = c.pointwise(x, scale)
		default:
			d.Weight, d.Merged = c.kernel(x, scale)
		}
		edits = append(edits, d)
	}
	return edits, nil
}

// choose finds the listed targets, or the defaults.
func (c *LoRA) choose(s layer.Sites) ([]target, error) {
	if len(c.Targets) > 0 {
		return choose(s, c.Targets, layer.KindLinear, layer.KindConv)
	}
	var out []target
	for _, n := range []string{"q", "v", "to_q", "to_v", "q_proj", "v_proj"} {
		if found, err := choose(s, []string{n}, layer.KindLinear); err == nil {
			out = append(out, found...)
		}
	}
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

type (
	outputFn = func(b *layer.Builder, x *layer.Node) *layer.Node
	weightFn = func(b *layer.Builder) *layer.Node
	mergedFn = func(data func(name string) []float32) []float64
)

// linear is scale * (x A^T) B^T for out outputs.
func (c *LoRA) linear(out int, scale float64) (outputFn, mergedFn) {
	output := func(b *layer.Builder, x *layer.Node) *layer.Node {
		in := x.Shape()[len(x.Shape())-1]
		a := b.Param(loraA, []int{c.Rank, in}, layer.FanIn)
		up := b.Param(loraB, []int{out, c.Rank}, layer.Zeros)
		return b.MatMul(b.Scale(b.MatMul(x, a, nil), float32(scale)), up, nil)
	}
	return output, c.product(loraA, loraB, out, c.Rank, scale)
}

// pointwise is linear by pixel.
func (c *LoRA) pointwise(s layer.Site, scale float64) (outputFn, mergedFn) {
	output := func(b *layer.Builder, x *layer.Node) *layer.Node {
		a := b.Param(loraA, []int{c.Rank, s.In, 1, 1}, layer.FanIn)
		up := b.Param(loraB, []int{s.Out, c.Rank, 1, 1}, layer.Zeros)
		return b.Convolve(b.Scale(b.Convolve(x, a, s.Stride), float32(scale)), up, 1)
	}
	return output, c.product(loraA, loraB, s.Out, c.Rank, scale)
}

// kernel is loralib's change of a k x k kernel, computed on the weight.
func (c *LoRA) kernel(s layer.Site, scale float64) (weightFn, mergedFn) {
	k := s.Weight[3]
	rows := s.Out / s.Groups * k
	weight := func(b *layer.Builder) *layer.Node {
		a := b.Param(kernelA, []int{c.Rank * k, s.In * k}, layer.FanIn)
		up := b.Param(kernelB, []int{rows, c.Rank * k}, layer.Zeros)
		ba := b.MatMul(up, b.Permute(b.Scale(a, float32(scale)), 1, 0), nil) // [out/groups*k, in*k]
		return b.Reshape(ba, s.Weight...)
	}
	return weight, c.product(kernelA, kernelB, rows, c.Rank*k, scale)
}

// product is scale * B A in float64, with B [rows, rank].
func (c *LoRA) product(nameA, nameB string, rows, rank int, scale float64) mergedFn {
	return func(data func(string) []float32) []float64 {
		a, b := data(nameA), data(nameB)
		cols := len(a) / rank
		out := make([]float64, rows*cols)
		for i := range rows {
			row := out[i*cols : (i+1)*cols]
			for r := range rank {
				f := float64(scale * float64(b[i*rank+r]))
				for j := range row {
					row[j] += float64(f * float64(a[r*cols+j]))
				}
			}
		}
		return out
	}
}
