package peft

import (
	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/model"
)

// Bottleneck adds adapters behind the branches of transformer blocks: y + up(gelu(down(y))), y being the branch's output before
// it joins the residual stream. Style houlsby puts one behind each attention and each MLP, pfeiffer only behind the MLP.
//
// Papers: Houlsby et al. 2019, arXiv:1902.00751; Pfeiffer et al. 2020, arXiv:2005.00247 (one adapter a block). Reference code
// google-research/adapter-bert: width 64, weights from N(0, 0.001^2) cut at two standard deviations, biases 0, so that step 0 is close to the
// frozen model: equal but for what the weights' noise does. Deviation: the norms stay frozen, which that code trains too (its published
// share of 3.6 % holds them). Known mistake of published code: KMnP/vpt, whose style pfeiffer the one here is (width 96 is its
// reduction factor 8 of ViT-B), starts down and up both at 0, where neither has a gradient, so that only the last bias ever
// trains. The GELU forbids merging.
//
// Learning rates: as AdaptFormer's; the paper's range for BERT is 3e-5 to 3e-3.
//
// Counts: ViT-B/16 houlsby 2,379,264; pfeiffer at width 96 1,779,840.
type Bottleneck struct {
	Style string `pipe:"style" default:"houlsby" oneof:"houlsby,pfeiffer" doc:"houlsby: behind attentions and MLPs; pfeiffer: behind MLPs"`
	Width int    `pipe:"bottleneck" default:"64" min:"1" doc:"width of the adapter"`
}

func init() {
	register(Method{
		Name: "adapter", Title: "Adapter", Formula: "x + h + up(gelu(down(h))), h the branch's output", Paper: "arXiv:1902.00751",
		Step0: Close, Merge: None, Statistics: layer.FrozenStatistics, PEFTType: "ADAPTER",
		Rates: Rates{model.Transformer: 1e-2, model.Diffusion: 3e-3},
		New:   func() Config { return &Bottleneck{} },
	})
}

// Apply implements Config.
func (c *Bottleneck) Apply(s layer.Sites) ([]layer.Edit, error) {
	attentions, places := parts(s)
	if c.Style == "houlsby" {
		places = append(places, attentions...)
	}
	var edits []layer.Edit
	for _, p := range places {
		edits = append(edits, layer.After{Site: p.Path, Fn: c.adapter})
	}
	return edits, nil
}

func (c *Bottleneck) adapter(b *layer.Builder, y *layer.Node) *layer.Node {
	b = b.Sub("adapter").Init(truncated(1e-3), layer.Zeros)
	h := b.GELU(b.Linear("down", y, c.Width))
	return b.Add(y, b.Linear("up", h, y.Shape()[len(y.Shape())-1]))
}

// truncated draws from N(0, std^2) within two standard deviations, TensorFlow's truncated normal.
func truncated(std float64) layer.Init {
	return func(r layer.Source, _, _ int, data []float32) {
		for i := range data {
			z := r.Norm()
			for z < -2 || z > 2 {
				z = r.Norm()
			}
			data[i] = float32(std * z)
		}
	}
}
