package peft

import (
	"math"

	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/model"
)

// VeRA changes a linear map by two random matrices that all targets share and nothing trains, and two vectors of its own that do: W + diag(b) B diag(d) A.
//
// A [r, in] and B [out, r] are drawn from U(-sqrt(6 / columns), sqrt(6 / columns)), as wide and as high as the largest target, of which the others take the first
// columns of A and rows of B. d [r] begins at 0.1 and b [out] at 0: step 0 equals the frozen model. It acts on the projections to q and v, on linear
// maps alone, and merges.
//
// Paper: Kopiczko et al. 2024, arXiv:2310.11454; reference code the PEFT library, whose files those of whole projections are: A and B are saved in them,
// as that library does unless told otherwise, so that no seed is needed to read one. Slices of a fused projection are unknown to it; they keep our names.
// Deviation: A and B come from the seed and their names.
//
// Learning rates: (IA)3's, which trains vectors too.
//
// Counts, rank 256: ViT-B/16 24,576.
type VeRA struct {
	Rank    int      `pipe:"rank" default:"256" min:"1" doc:"rows of A, columns of B"`
	Initial float64  `pipe:"d_initial" default:"0.1" doc:"what d begins as"`
	Targets []string `pipe:"targets" doc:"linear maps or slices by the end of their path; default: q and v of attentions"`
}

func init() {
	register(Method{
		Name: "vera", Title: "VeRA", Formula: "W + diag(b) B diag(d) A, A and B random", Paper: "arXiv:2310.11454",
		Step0: Equal, Merge: Exact, Statistics: layer.FrozenStatistics, PEFTType: "VERA",
		Rates: Rates{model.Transformer: 1e-2, model.Diffusion: 5e-3},
		New:   func() Config { return &VeRA{} },
	})
}

const veraA, veraB, veraD, veraLambdaB = "vera_A", "vera_B", "vera_lambda_d", "vera_lambda_b"

// Apply implements Config.
func (c *VeRA) Apply(s layer.Sites) ([]layer.Edit, error) {
	chosen, err := linearTargets(s, c.Targets)
	if err != nil {
		return nil, err
	}
	widest, highest := 0, 0
	for _, t := range chosen {
		widest, highest = max(widest, t.site.In), max(highest, t.outputs())
	}
	var edits []layer.Edit
	for _, t := range chosen {
		in, out := t.site.In, t.outputs()
		edits = append(edits, layer.Delta{Site: t.site.Path, Slice: t.slice,
			Output: func(b *layer.Builder, x *layer.Node) *layer.Node {
				first := b.Shared().Constant(veraA, []int{c.Rank, widest}, layer.Uniform(math.Sqrt(6/float64(widest))))
				second := b.Shared().Constant(veraB, []int{highest, c.Rank}, layer.Uniform(math.Sqrt(6/float64(c.Rank))))
				d := b.Param(veraD, []int{c.Rank}, layer.Const(float32(c.Initial)))
				y := b.MatMul(x, b.Slice(first, 1, 0, in), nil)
				y = b.MatMul(b.Mul(y, b.Along(y, d)), b.Slice(second, 0, 0, out), nil)
				return b.Mul(y, b.Along(y, b.Param(veraLambdaB, []int{out}, layer.Zeros)))
			},
			Merged: func(v layer.Values) []float64 {
				left, right := widen(v.Shared(veraB)[:out*c.Rank], 1), make([]float64, c.Rank*in)
				for k, d := range v.At(veraD) {
					copy(right[k*in:(k+1)*in], widen(v.Shared(veraA)[k*widest:][:in], float64(d)))
				}
				dW := matMul(left, right, c.Rank)
				for i, b := range v.At(veraLambdaB) {
					for j := range in {
						dW[i*in+j] *= float64(b)
					}
				}
				return dW
			}})
	}
	return edits, nil
}
