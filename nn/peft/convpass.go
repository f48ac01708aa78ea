package peft

import (
	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/model"
)

// Convpass adds a convolutional bypass beside attention and MLP of each transformer block: x + f(LN(x)) + s * bypass(LN(x)), where
// bypass = up(dropout(quickgelu(conv3x3(quickgelu(down(.)))))) and the convolution runs on the grid of the patches; a class token
// passes through it as an image of one pixel.
//
// Paper: Jie and Deng 2022, arXiv:2207.07039; reference code JieShibo/PETL-ViT: width 8, dropout 0.1, down Xavier, the convolution an
// identity in its centre tap (or Xavier), up and all biases 0, so that step 0 equals the frozen model; s is chosen for each data set from
// 0.01 to 10, 1 by default. Deviations: none known. The published code counts with a grid of 14 x 14 and widths 768 and 8; here they are the network's. It
// needs tokens on a grid: vision transformers and the spatial transformers of U-Nets (whose second attention reads text and is bypassed
// by a bypass on the image); text encoders and CNNs are refused. The activations forbid merging.
//
// Learning rates: the code's is 1e-3 (AdamW, 100 epochs); here ten times as high, as of the other bottlenecks.
//
// Count: ViT-B/16 327,552.
type Convpass struct {
	Bottleneck int     `pipe:"bottleneck" default:"8" min:"1" doc:"channels of the bypass"`
	Scale      float64 `pipe:"scale" default:"1" doc:"factor of the bypass's output"`
	Dropout    float64 `pipe:"dropout" default:"0.1" min:"0" max:"0.99" doc:"probability of dropping a hidden unit in training"`
	Conv       string  `pipe:"conv_init" default:"identity" oneof:"identity,xavier" doc:"initial convolution: identity, or xavier"`
}

func init() {
	register(Method{
		Name: "convpass", Title: "Convpass", Formula: "x + f(LN(x)) + s * up(conv3x3(down(LN(x))))", Paper: "arXiv:2207.07039",
		Step0: Equal, Merge: None, Statistics: layer.FrozenStatistics, PEFTType: "CONVPASS",
		Rates: Rates{model.Transformer: 1e-2, model.Diffusion: 3e-3},
		New:   func() Config { return &Convpass{} },
	})
}

// Apply implements Config.
func (c *Convpass) Apply(s layer.Sites) ([]layer.Edit, error) {
	attentions, feedForwards := parts(s)
	var edits []layer.Edit
	for _, p := range append(attentions, feedForwards...) {
		if p.Grid != [2]int{} {
			edits = append(edits, layer.Parallel{Site: p.Path, Normed: true, Fn: c.bypass})
		}
	}
	return edits, nil
}

// bypass maps h [B, N, C] to [B, N, C]. The last tokens are the grid.
func (c *Convpass) bypass(b *layer.Builder, h *layer.Node) *layer.Node {
	height, width := b.Grid()
	batch, tokens, channels := h.Shape()[0], h.Shape()[1], h.Shape()[2]
	patches := height * width
	b = b.Sub("convpass")
	h = b.QuickGELU(b.Linear("adapter_down", h, c.Bottleneck, layer.WithInit(layer.XavierUniform, layer.Zeros)))
	grid := c.convolve(b, b.Slice(h, 1, tokens-patches, patches), batch, height, width)
	if rest := tokens - patches; rest > 0 {
		pixels := b.Reshape(b.Slice(h, 1, 0, rest), batch*rest, 1, c.Bottleneck)
		pixels = b.Reshape(c.convolve(b, pixels, batch*rest, 1, 1), batch, rest, c.Bottleneck)
		grid = b.Concat(1, pixels, grid)
	}
	h = b.Dropout("dropout", b.QuickGELU(grid), float32(c.Dropout))
	h = b.Linear("adapter_up", h, channels, layer.WithInit(layer.Zeros, layer.Zeros))
	return b.Scale(h, float32(c.Scale))
}

// convolve maps x [B, H*W, C], images by pixel, to their convolution.
func (c *Convpass) convolve(b *layer.Builder, x *layer.Node, batch, height, width int) *layer.Node {
	kernel := layer.XavierUniform
	if c.Conv == "identity" {
		kernel = centreTap
	}
	x = b.Reshape(b.Permute(x, 0, 2, 1), batch, c.Bottleneck, height, width)
	x = b.Init(nil, layer.Zeros).Conv2d("adapter_conv", x, layer.Conv{Out: c.Bottleneck, Kernel: 3, Pad: 1, Weight: kernel})
	return b.Permute(b.Reshape(x, batch, c.Bottleneck, height*width), 0, 2, 1)
}

// centreTap fills a kernel [C, C, 3, 3] so that it passes each channel on.
func centreTap(_ layer.Source, _, fanOut int, data []float32) {
	channels := fanOut / 9
	for i := range channels {
		data[(i*channels+i)*9+4] = 1
	}
}
