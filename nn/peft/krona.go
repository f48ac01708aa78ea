package peft

import (
	"slices"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/model"
)

// KronA adds a Kronecker product to the weights of linear maps: W + s A (x) B, with A [a1, a2] and B [out/a1, in/a2].
//
// It is computed on the activations, as B X A^T of the input read as a matrix. a1 and a2 are the largest divisors of out and in that are at most factor.
// A starts as kaiming_uniform(a=sqrt(5)), B at 0: step 0 equals the frozen model. It merges. Default targets: q and v of attentions, as LoRA's.
//
// Paper: Edalati et al. 2022, arXiv:2212.10650, without published code: which factor starts at 0, and the shapes, are choices made here; the paper
// takes the shapes that give each model the same number of parameters.
//
// Counts: ViT-B/16 q, v 38,400.
type KronA struct {
	Factor  int      `pipe:"factor" default:"32" min:"1" doc:"largest number of rows and columns of A"`
	Scale   float64  `pipe:"scale" default:"1" doc:"the change is multiplied by it"`
	Targets []string `pipe:"targets" doc:"linear maps or slices by the end of their path; default: q and v of attentions"`
}

func init() {
	register(Method{
		Name: "krona", Title: "KronA", Formula: "W + s A (x) B", Paper: "arXiv:2212.10650",
		Step0: Equal, Merge: Exact, Statistics: layer.FrozenStatistics, PEFTType: "KRONA",
		Rates: Rates{model.Transformer: 1e-2, model.Diffusion: 3e-3},
		New:   func() Config { return &KronA{} },
	})
}

const kronaA, kronaB = "krona_a", "krona_b"

// Apply implements Config.
func (c *KronA) Apply(s layer.Sites) ([]layer.Edit, error) {
	chosen, err := linearTargets(s, c.Targets)
	if err != nil {
		return nil, err
	}
	var edits []layer.Edit
	for _, t := range chosen {
		out, in := t.outputs(), t.site.In
		a1, a2 := divisor(out, c.Factor), divisor(in, c.Factor)
		b1, b2 := out/a1, in/a2
		edits = append(edits, layer.Delta{Site: t.site.Path, Slice: t.slice,
			Output: func(b *layer.Builder, x *layer.Node) *layer.Node {
				rows := accel.Volume(x.Shape()) / in
				shape := append(x.Shape()[:len(x.Shape())-1].Clone(), out)
				left, right := b.Param(kronaA, []int{a1, a2}, layer.FanIn), b.Param(kronaB, []int{b1, b2}, layer.Zeros)
				y := b.MatMul(b.Reshape(x, rows, a2, b2), right, nil)                   // [rows, a2, b1]
				y = b.MatMul(b.Permute(y, 0, 2, 1), left, nil)                          // [rows, b1, a1]
				y = b.Reshape(b.Permute(b.Reshape(y, rows, b1, a1), 0, 2, 1), shape...) // [..., a1 b1]
				return b.Scale(y, float32(c.Scale))
			},
			Merged: func(v layer.Values) []float64 {
				return kronecker(make([]float64, out*in), widen(v.At(kronaA), c.Scale), widen(v.At(kronaB), 1), a1, a2, b1, b2)
			}})
	}
	return edits, nil
}

// linearTargets are the listed linear maps and slices, or q and v.
func linearTargets(s layer.Sites, names []string) ([]target, error) {
	if len(names) > 0 {
		return choose(s, names, layer.KindLinear)
	}
	return queriesAndValues(s), nil
}

// divisor is the largest one of n that is at most limit.
func divisor(n, limit int) int { return commonDivisor([]int{n}, limit) }

// commonDivisor is the largest one of all of ns, which are not none, that is at most limit.
func commonDivisor(ns []int, limit int) int {
	d := min(slices.Min(ns), limit)
	for slices.ContainsFunc(ns, func(n int) bool { return n%d != 0 }) {
		d--
	}
	return d
}

// kronecker adds the product of a [a1, a2] and b [b1, b2] to sum [a1*b1, a2*b2].
func kronecker(sum, a, b []float64, a1, a2, b1, b2 int) []float64 {
	for i := range a1 {
		for j := range a2 {
			for p := range b1 {
				row := sum[(i*b1+p)*a2*b2+j*b2:][:b2]
				for q := range row {
					row[q] += float64(a[i*a2+j] * b[p*b2+q])
				}
			}
		}
	}
	return sum
}
