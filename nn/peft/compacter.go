package peft

import (
	"math"

	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/model"
)

// Compacter adds adapters behind the branches of transformer blocks, y + up(gelu(down(y))), whose matrices are sums of Kronecker products: as
// y = x H + b, H = sum over i of A_i (x) (s_i t_i^T) [in, out], with n matrices A_i [n, n] that all adapters share, both
// of each, and vectors s_i [in/n] and t_i [out/n] of their own.
//
// Paper: Karimi Mahabadi et al. 2021, arXiv:2106.04647; reference code rabeehk/compacter: n = 4, GELU by tanh, width 1/32 of the network's (24 for
// ViT-B), A from N(0, 0.01^2), s and t Xavier uniform with gain sqrt(2), biases 0: step 0 is close to the frozen model, equal but for
// what the matrices' noise does. Deviations: the width is a number and not a share, so that a network of any width has one; its shipped
// configurations draw A from N(0, 0.0001^2), with which nothing but the last bias moves at first, and also train the norms, which stay frozen here. Without
// attention it is that code's Compacter++. The GELU forbids merging.
//
// Learning rates: the paper's is 3e-3, three times its adapters'; here as of adapter.
//
// Count: ViT-B/16 57,088.
type Compacter struct {
	Width     int  `pipe:"bottleneck" default:"24" min:"1" doc:"width of the adapter"`
	Division  int  `pipe:"division" default:"4" min:"1" doc:"n: number and side of the shared matrices"`
	Attention bool `pipe:"attention" default:"true" doc:"behind attentions too; false: behind MLPs only (Compacter++)"`
}

func init() {
	register(Method{
		Name: "compacter", Title: "Compacter", Formula: "x + h + up(gelu(down(h))), matrices sum_i A_i (x) (s_i t_i^T)", Paper: "arXiv:2106.04647",
		Step0: Close, Merge: None, Statistics: layer.FrozenStatistics, PEFTType: "COMPACTER",
		Rates: Rates{model.Transformer: 1e-2, model.Diffusion: 3e-3},
		New:   func() Config { return &Compacter{} },
	})
}

// Apply implements Config.
func (c *Compacter) Apply(s layer.Sites) ([]layer.Edit, error) {
	attentions, places := parts(s)
	if c.Attention {
		places = append(places, attentions...)
	}
	widths := []int{c.Width}
	for _, p := range places {
		widths = append(widths, p.Out)
	}
	var edits []layer.Edit
	for _, p := range places {
		if c.Width%c.Division != 0 || p.Out%c.Division != 0 {
			return nil, unfit("division", "%d does not divide both the bottleneck, %d, and the width of %s, %d: %d divides this and all widths",
				c.Division, c.Width, p.Path, p.Out, commonDivisor(widths, c.Division))
		}
		edits = append(edits, layer.After{Site: p.Path, Fn: c.adapter})
	}
	return edits, nil
}

func (c *Compacter) adapter(b *layer.Builder, y *layer.Node) *layer.Node {
	b = b.Sub("compacter")
	h := b.GELUTanh(c.linear(b.Sub("down_sampler"), y, c.Width))
	return b.Add(y, c.linear(b.Sub("up_sampler"), h, y.Shape()[len(y.Shape())-1]))
}

// linear is x H + b for out outputs, with H transposed as MatMul has it.
func (c *Compacter) linear(b *layer.Builder, x *layer.Node, out int) *layer.Node {
	if x == nil {
		return nil
	}
	n := c.Division
	p, q := x.Shape()[len(x.Shape())-1]/n, out/n
	rule := b.Shared().Param("phm_rule", []int{n, n, n}, layer.Normal(0, .01))
	left := b.Param("W_left", []int{n, p, 1}, glorot(p))
	right := b.Param("W_right", []int{n, 1, q}, glorot(q))
	outer := b.Mul(b.Expand(b.Permute(right, 2, 1, 0), q, p, n), b.Permute(left, 2, 1, 0))    // [q, p, i]
	h := b.MatMul(b.Reshape(b.Permute(rule, 2, 1, 0), n*n, n), b.Reshape(outer, q*p, n), nil) // [n n, q p]
	h = b.Reshape(b.Permute(b.Reshape(h, n, n, q, p), 0, 2, 1, 3), n*q, n*p)                  // [out, in]
	return b.MatMul(x, h, b.Param("b", []int{out}, layer.Zeros))
}

// glorot is the Xavier uniform distribution of a vector of n, with gain sqrt(2).
func glorot(n int) layer.Init { return layer.Uniform(math.Sqrt(12 / float64(n+1))) }
