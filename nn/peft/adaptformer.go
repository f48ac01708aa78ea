package peft

import (
	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/model"
)

// AdaptFormer adds a bottleneck beside the MLP of each transformer block: x + MLP(LN(x)) + s * up(ReLU(down(x))).
// The adapter reads x before the block's norm.
//
// Paper: Chen et al. 2022, arXiv:2205.13535; reference code ShoufaChen/AdaptFormer: bottleneck 64, s = 0.1, dropout 0.1 after the
// ReLU, no norm of its own; down starts as kaiming_uniform(a=sqrt(5)), up and the biases at 0, so that step 0
// equals the frozen model. Deviations: none known. It acts on the feed-forward branches of transformer blocks (those of a
// diffusion U-Net among them); networks without one are refused. The ReLU forbids merging.
//
// Count: ViT-B/16 1,189,632.
type AdaptFormer struct {
	Bottleneck int     `pipe:"bottleneck" default:"64" min:"1" doc:"width of the adapter"`
	Scale      float64 `pipe:"scale" default:"0.1" doc:"factor of the adapter's output"`
	Dropout    float64 `pipe:"dropout" default:"0.1" min:"0" max:"0.99" doc:"probability of dropping a hidden unit in training"`
}

func init() {
	register(Method{
		Name: "adaptformer", Title: "AdaptFormer", Formula: "x + MLP(LN(x)) + s * up(ReLU(down(x)))", Paper: "arXiv:2205.13535",
		Step0: Equal, Merge: None, Statistics: layer.FrozenStatistics, PEFTType: "ADAPTFORMER",
		Rates: Rates{model.Transformer: 1e-2, model.Diffusion: 3e-3},
		New:   func() Config { return &AdaptFormer{} },
	})
}

// Apply implements Config.
func (c *AdaptFormer) Apply(s layer.Sites) ([]layer.Edit, error) {
	var edits []layer.Edit
	_, feedForwards := parts(s)
	for _, p := range feedForwards {
		edits = append(edits, layer.Parallel{Site: p.Path, Fn: c.adapter})
	}
	return edits, nil
}

// adapter maps x [B, N, C] to the adapter's output of the same shape; b is at the MLP's path.
func (c *AdaptFormer) adapter(b *layer.Builder, x *layer.Node) *layer.Node {
	b = b.Sub("adaptmlp")
	width := x.Shape()[len(x.Shape())-1]
	down := b.Param("down_proj.weight", []int{c.Bottleneck, width}, layer.FanIn)
	up := b.Param("up_proj.weight", []int{width, c.Bottleneck}, layer.Zeros)
	h := b.MatMul(x, down, b.Param("down_proj.bias", []int{c.Bottleneck}, layer.Zeros))
	h = b.Dropout("dropout", b.ReLU(h), float32(c.Dropout))
	return b.Scale(b.MatMul(h, up, b.Param("up_proj.bias", []int{width}, layer.Zeros)), float32(c.Scale))
}
