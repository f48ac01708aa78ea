package model

import (
	"fmt"
	"math"
	"strconv"

	"github.com/pipe-ml/pipe/nn/layer"
)

// ViT is timm's VisionTransformer (Dosovitskiy et al. 2021, arXiv:2010.11929): patches, a class token, learned
// positions, pre-norm blocks, the class token's features after a final norm. It loads timm's
// vit_*_patch*_* checkpoints by their keys. GELU is the erf form, LayerNorm's epsilon 1e-6, qkv has a bias.
//
// Initial values are the original's (timm's weight_init="jax": Xavier), and positions start from MAE's sines and cosines
// instead of small noise: with timm's default of N(0, 0.02^2) for both, a network of width 96 has not left
// the loss of guessing after a hundred steps.
type ViT struct {
	ViTConfig
	in Input
}

// ViTConfig has timm's argument names.
type ViTConfig struct {
	PatchSize  int `json:"patch_size"`
	EmbedDim   int `json:"embed_dim"`
	Depth      int `json:"depth"`
	NumHeads   int `json:"num_heads"`
	MLPRatio   int `json:"mlp_ratio"`
	NumClasses int `json:"num_classes"`
	// ConvStem holds the channels of 3x3 convolutions of stride 2 before the last one to EmbedDim, all of which replace
	// the cutting into patches: timm's HybridEmbed on a ConvStem.
	ConvStem []int `json:"conv_stem,omitempty"`
}

const vitEps = 1e-6

func init() {
	row := func(name string, params int, in Input, c ViTConfig, doc string) Variant {
		c.MLPRatio = 4
		return Variant{Name: name, Kind: Transformer, Params: params, Input: in, Doc: doc,
			make: func(in Input, classes int) (Classifier, error) {
				c := c
				c.NumClasses = classes
				return NewViT(c, in)
			}}
	}
	register(
		row("vit_micro_patch16_64", 697_632, input(64, 1), ViTConfig{PatchSize: 16, EmbedDim: 96, Depth: 6, NumHeads: 3},
			"six narrow blocks on 16 patches: for quick studies"),
		row("vit_micro_patch8_64", 683_808, input(64, 1), ViTConfig{PatchSize: 8, EmbedDim: 96, Depth: 6, NumHeads: 3},
			"six narrow blocks on 64 patches"),
		row("vit_micro_convstem_64", 808_392, input(64, 1), ViTConfig{PatchSize: 16, EmbedDim: 96, Depth: 6, NumHeads: 3, ConvStem: []int{24, 48, 96}},
			"six narrow blocks on 16 positions of a convolutional stem: learns from few images"),
		row("vit_tiny_patch8_64", 5_363_904, input(64, 1), ViTConfig{PatchSize: 8, EmbedDim: 192, Depth: 12, NumHeads: 3},
			"ViT-Ti at 64 pixels"),
		row("vit_tiny_patch16_224", 5_524_416, input(224, 3), ViTConfig{PatchSize: 16, EmbedDim: 192, Depth: 12, NumHeads: 3},
			"timm's vit_tiny_patch16_224"),
		row("vit_base_patch16_224", 85_798_656, input(224, 3), ViTConfig{PatchSize: 16, EmbedDim: 768, Depth: 12, NumHeads: 12},
			"timm's vit_base_patch16_224"),
	)
}

// NewViT is a ViT of any width and depth.
func NewViT(c ViTConfig, in Input) (*ViT, error) {
	if n := len(c.ConvStem); n > 0 && c.PatchSize != 2<<n {
		return nil, fmt.Errorf("a stem of %d convolutions makes positions of %d pixels, not %d", n+1, 2<<n, c.PatchSize)
	}
	if in.Size%c.PatchSize != 0 {
		return nil, fmt.Errorf("images of %d pixels do not divide into patches of %d", in.Size, c.PatchSize)
	}
	return &ViT{c, in}, nil
}

// Features implements Classifier.
func (m *ViT) Features(b *layer.Builder, images *layer.Node) *layer.Node {
	d, grid := m.EmbedDim, m.in.Size/m.PatchSize
	batch := images.Shape()[0]
	b = b.Init(layer.XavierUniform, layer.Zeros)

	x := m.embed(b.Sub("patch_embed"), images)                // [B, D, G, G]
	x = b.Permute(b.Reshape(x, batch, d, grid*grid), 0, 2, 1) // [B, N, D]
	class := b.Param("cls_token", []int{1, 1, d}, layer.Normal(0, 1e-6))
	x = b.Concat(1, b.Expand(class, batch, 1, d), x) // [B, 1+N, D]
	x = b.Add(x, b.Param("pos_embed", []int{1, 1 + grid*grid, d}, sinCos(grid, d)))
	for i := range m.Depth {
		x = b.Sub("blocks").TokenBlock(strconv.Itoa(i), x, 1, m.block) // [B, 1+N, D]
	}
	x = b.LayerNorm("norm", x, vitEps)
	return b.Reshape(b.Slice(x, 1, 0, 1), batch, d) // [B, D]
}

// embed maps images to one vector a patch, by a linear map or by the convolutional stem (Xiao et al. 2021,
// arXiv:2106.14881), whose batch norms stand between.
func (m *ViT) embed(b *layer.Builder, x *layer.Node) *layer.Node {
	if len(m.ConvStem) == 0 {
		return b.Conv2d("proj", x, layer.Conv{Out: m.EmbedDim, Kernel: m.PatchSize, Stride: m.PatchSize, Weight: layer.FanIn})
	}
	conv := layer.Conv{Kernel: 3, Stride: 2, Pad: 1, NoBias: true, Weight: layer.KaimingFanOut}
	for i, channels := range m.ConvStem {
		at := b.Sub("backbone").At(i)
		conv.Out = channels
		x = b.GELU(at.BatchNorm("bn", at.Conv2d("conv", x, conv), 1e-5))
	}
	conv.Out, conv.NoBias = m.EmbedDim, false
	return b.Sub("backbone").At(len(m.ConvStem)).Conv2d("conv", x, conv)
}

// sinCos fills [1, 1+grid*grid, d] with zeros for the class token and the sines and cosines of a patch's column,
// then of its row, at d/4 frequencies (He et al. 2022, arXiv:2111.06377).
func sinCos(grid, d int) layer.Init {
	return func(_ layer.Source, _, _ int, data []float32) {
		quarter := d / 4
		for i := range grid * grid {
			at := data[(1+i)*d:][:d]
			for axis, position := range [2]int{i % grid, i / grid} {
				for k := range quarter {
					angle := float64(position) * math.Exp(-math.Log(10000)*float64(k)/float64(quarter))
					at[2*axis*quarter+k] = float32(math.Sin(angle))
					at[(2*axis+1)*quarter+k] = float32(math.Cos(angle))
				}
			}
		}
	}
}

// block is x + attention(norm1(x)), then x + mlp(norm2(x)).
func (m *ViT) block(b *layer.Builder, x *layer.Node) *layer.Node {
	d := m.EmbedDim
	h := b.LayerNorm("norm1", x, vitEps)
	qkv := b.LinearSlices("attn.qkv", h, 3*d, []string{"q", "k", "v"}) // 3 of [B, N, D]
	h = b.Attention(qkv[0], qkv[1], qkv[2], m.NumHeads, false)
	x = b.Add(x, b.Linear("attn.proj", h, d))
	h = b.LayerNorm("norm2", x, vitEps)
	h = b.GELU(b.Linear("mlp.fc1", h, m.MLPRatio*d)) // [B, N, 4D]
	h = b.Linear("mlp.fc2", h, d)
	return b.Add(x, b.Branch("mlp", x, h))
}

// Head implements Classifier.
func (m *ViT) Head(b *layer.Builder, features *layer.Node) *layer.Node {
	return b.Head().Init(layer.Normal(0, .02), layer.Zeros).Linear("head", features, m.NumClasses)
}

// ResetHead implements Classifier.
func (m *ViT) ResetHead(classes int) Classifier {
	c := *m
	c.NumClasses = classes
	return &c
}

// Groups implements Classifier.
func (m *ViT) Groups() []Group {
	groups := []Group{{"stem", []string{"patch_embed", "cls_token", "pos_embed"}}}
	for i := range m.Depth {
		groups = append(groups, Group{fmt.Sprintf("blocks.%d", i), []string{fmt.Sprintf("blocks.%d", i)}})
	}
	return append(groups, Group{"head", []string{"norm", "head"}})
}

// NoDecay implements Classifier.
func (m *ViT) NoDecay(name string) bool { return name == "pos_embed" || name == "cls_token" }

// Input implements Classifier.
func (m *ViT) Input() Input { return m.in }

// Classes implements Classifier.
func (m *ViT) Classes() int { return m.NumClasses }
