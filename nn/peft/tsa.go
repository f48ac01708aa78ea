package peft

import (
	"slices"
	"strings"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/model"
)

// TSA adds a 1x1 convolution to each 3x3 convolution of the residual blocks, f(x) + alpha * x with the same stride, and maps the features that
// the head reads by a matrix beta (the pre-classifier alignment).
//
// alpha [out, in, 1, 1] begins as 1e-4 times the identity and beta [C, C] as the identity, so that step 0 is near the frozen model and not equal to
// it. Which convolutions get an alpha is no option: it is every one whose kernel's centre a 1x1 kernel can be. A 1x1 convolution is the centre of a 3x3 kernel and beta a factor of the head's weight: it merges. A network whose features no head reads, a
// U-Net, has no beta.
//
// Paper: Li et al. 2022, arXiv:2107.00358, with beta from arXiv:2103.13841; reference code VICO-UoE/URL, whose constructor leaves alpha and beta at ones until
// reset() is called; the port for diffusion (Raman1121/Diffusion_Memorization_HPO) never calls it. The reference learns by Adadelta, at 0.1 and for beta at 1,
// in 40 steps; here both have one rate. Its serial and channel-wise variants, which the paper finds weaker, are left out.
//
// Counts: ResNet-50 alpha 1,257,472, beta 4,194,304.
type TSA struct {
	Alignment bool `pipe:"alignment" default:"true" doc:"map the features before the head by a learned matrix"`
}

func init() {
	register(Method{
		Name: "tsa", Title: "Task-specific adapters", Formula: "conv3x3(x) + conv1x1(x, alpha), beta f before the head", Paper: "arXiv:2107.00358",
		Step0: Differs, Merge: Exact, Statistics: layer.FrozenStatistics, PEFTType: "TSA",
		Rates: Rates{model.CNN: 1e-3, model.Diffusion: 1e-3},
		New:   func() Config { return &TSA{} },
	})
}

const tsaAlpha = "tsa_alpha"

// Apply implements Config.
func (c *TSA) Apply(s layer.Sites) ([]layer.Edit, error) {
	var edits []layer.Edit
	for _, x := range ofKind(s, func(x layer.Site) bool { return centred(x) && inResidual(s, x) }) {
		edits = append(edits, layer.Delta{Site: x.Path,
			Output: func(b *layer.Builder, in *layer.Node) *layer.Node {
				return b.Convolve(in, b.Param(tsaAlpha, []int{x.Out, x.In, 1, 1}, layer.Eye(1e-4)), x.Stride)
			},
			Merged: func(v layer.Values) []float64 {
				out := make([]float64, accel.Volume(x.Weight))
				for i, a := range v.At(tsaAlpha) {
					out[9*i+4] = float64(a)
				}
				return out
			}})
	}
	if len(edits) == 0 || !c.Alignment {
		return edits, nil
	}
	for _, x := range ofKind(s, func(x layer.Site) bool { return x.Kind == layer.KindFeatures }) {
		edits = append(edits, layer.Align{Site: x.Path, Name: "tsa_beta", Init: layer.Eye(1)})
	}
	return edits, nil
}

// centred tells whether x is a 3x3 convolution whose kernel's centre meets the pixels that a 1x1 kernel of the same stride does.
func centred(x layer.Site) bool {
	return x.Kind == layer.KindConv && x.Groups == 1 && x.Weight[2] == 3 && x.Weight[3] == 3 && x.Pad == 1
}

// inResidual tells whether x lies in a block whose branch joins the residual stream by a sum.
func inResidual(s layer.Sites, x layer.Site) bool {
	return slices.ContainsFunc(s.Sites, func(r layer.Site) bool {
		return r.Kind == layer.KindBranch && r.Sum && strings.HasPrefix(x.Path, r.Path[:strings.LastIndex(r.Path, ".")+1])
	})
}
