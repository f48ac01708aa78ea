package peft

import (
	"fmt"
	"math"

	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/model"
)

// DoRA trains the magnitude and the direction of a weight apart: W' = m * V / ||V|| by output row, V = W + alpha/r * B A.
//
// m [out] begins as the norms of W's rows, A and B as LoRA's, so that step 0 equals the frozen model. The norm is a constant for the gradient
// (section 4.3 of the paper). Convolutions take the PEFT library's form, A [r, in, k, k], B [out, r, 1, 1], their rows being a kernel each. Targets are
// LoRA's. It merges.
//
// Paper: Liu et al. 2024, arXiv:2402.09353; reference code the PEFT library. Its merging and unmerging were wrong once trained (peft issues 3531,
// 3608), which tests at step 0 hid, and rows of zeros give it NaN, here 0. Deviations: no dropout, which the library
// applies to the change and not to the weight that the norm is of; m is [out] for convolutions too, so that no weight decay pulls at it, and
// [1, out, 1, 1] in files only.
//
// Counts, rank 8: ViT-B/16 q, v 313,344 = LoRA's 294,912 and a magnitude a row.
type DoRA struct {
	Rank    int                `pipe:"rank" default:"8" min:"1" doc:"rank of the change of direction"`
	Alpha   float64            `pipe:"alpha" default:"8" doc:"the change is multiplied by alpha / rank"`
	RSLoRA  bool               `pipe:"rslora" default:"false" doc:"multiply by alpha / sqrt(rank) instead (arXiv:2312.03732)"`
	Targets []string           `pipe:"targets" doc:"sites or slices by the end of their path; default: q and v of attentions, convolutions of CNNs"`
	Ranks   map[string]float64 `pipe:"rank_pattern" doc:"ranks of targets that differ, by the end of their path"`
	Alphas  map[string]float64 `pipe:"alpha_pattern" doc:"alphas of targets that differ, by the end of their path"`
}

func init() {
	register(Method{
		Name: "dora", Title: "DoRA", Formula: "m * (W + alpha/r * B A) / ||W + alpha/r * B A||", Paper: "arXiv:2402.09353",
		Step0: Equal, Merge: Exact, Statistics: layer.FrozenStatistics, PEFTType: "LORA",
		Rates: Rates{model.CNN: 2e-3, model.Transformer: 1e-2, model.Diffusion: 3e-3},
		New:   func() Config { return &DoRA{} },
	})
}

// doraMagnitude is the library's name of m, in its files.
const doraMagnitude = "lora_magnitude_vector"

// lora is the method that changes the direction.
func (c *DoRA) lora() *LoRA {
	return &LoRA{Rank: c.Rank, Alpha: c.Alpha, RSLoRA: c.RSLoRA, Conv: "peft", Targets: c.Targets, Ranks: c.Ranks, Alphas: c.Alphas}
}

// Apply implements Config.
func (c *DoRA) Apply(s layer.Sites) ([]layer.Edit, error) {
	chosen, err := c.lora().choose(s)
	if err != nil {
		return nil, err
	}
	if err := c.lora().checkPatterns(chosen); err != nil {
		return nil, err
	}
	var edits []layer.Edit
	for _, t := range chosen {
		l, err := c.lora().change(t)
		if err != nil {
			return nil, fmt.Errorf("dora: %w", err)
		}
		rows := t.outputs()
		column := []int{rows, 1}
		if t.site.Kind == layer.KindConv {
			column = []int{rows, 1, 1, 1}
		}
		edits = append(edits, layer.Reweight{Site: t.site.Path, Slice: t.slice,
			Weight: func(b *layer.Builder, w *layer.Node) *layer.Node {
				v := b.Add(w, l.matrix(b, w.Shape()))
				m := b.Derive(layer.Derived{Names: []string{doraMagnitude}, Shapes: [][]int{{rows}}, From: func(base []float32) [][]float32 {
					return [][]float32{rowNorms(base, rows)}
				}})[0]
				return b.Mul(v, b.Reshape(b.OverNorm(m, v), column...))
			},
			Merged: func(w []float32, v layer.Values) []float64 {
				out, m := plus(w, l.product(v)), v.At(doraMagnitude)
				cols := len(out) / rows
				for i := range rows {
					row := out[i*cols : (i+1)*cols]
					sum := 0.0
					for _, x := range row {
						sum += float64(x * x)
					}
					for j := range row {
						if sum > 0 {
							row[j] *= float64(m[i]) / math.Sqrt(sum)
						}
					}
				}
				return out
			}})
	}
	return edits, nil
}

// rowNorms are the norms of the rows of w, in the bits that the operator over_norm has them in: squares, which are exact, added in order in float64.
func rowNorms(w []float32, rows int) []float32 {
	out := make([]float32, rows)
	cols := len(w) / rows
	for i := range out {
		sum := 0.0
		for _, x := range w[i*cols : (i+1)*cols] {
			sum += float64(x) * float64(x)
		}
		out[i] = float32(math.Sqrt(sum))
	}
	return out
}
