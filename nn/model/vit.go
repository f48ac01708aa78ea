package model

import (
	"fmt"
	"strconv"

	"github.com/pipe-ml/pipe/nn/layer"
)

// ViT is timm's VisionTransformer (Dosovitskiy et al. 2021, arXiv:2010.11929): patches, a class token, learned
// positions, pre-norm blocks, the class token's features after a final norm. It loads timm's
// vit_*_patch*_* checkpoints by their keys. GELU is the erf form, LayerNorm's epsilon 1e-6, qkv has a bias.
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
}

const vitEps = 1e-6

func init() {
	row := func(name string, params int, in Input, c ViTConfig, doc string) Variant {
		c.MLPRatio = 4
		return Variant{Name: name, Family: "vit", Params: params, Input: in, Doc: doc,
			make: func(in Input, classes int) (Classifier, error) {
				if in.Size%c.PatchSize != 0 {
					return nil, fmt.Errorf("images of %d pixels do not divide into patches of %d", in.Size, c.PatchSize)
				}
				c := c
				c.NumClasses = classes
				return &ViT{c, in}, nil
			}}
	}
	register(
		row("vit_micro_patch16_64", 697_632, input(64, 1), ViTConfig{PatchSize: 16, EmbedDim: 96, Depth: 6, NumHeads: 3},
			"six narrow blocks on 16 patches: for quick studies"),
		row("vit_micro_patch8_64", 683_808, input(64, 1), ViTConfig{PatchSize: 8, EmbedDim: 96, Depth: 6, NumHeads: 3},
			"six narrow blocks on 64 patches"),
		row("vit_tiny_patch8_64", 5_363_904, input(64, 1), ViTConfig{PatchSize: 8, EmbedDim: 192, Depth: 12, NumHeads: 3},
			"ViT-Ti at 64 pixels"),
		row("vit_tiny_patch16_224", 5_524_416, input(224, 3), ViTConfig{PatchSize: 16, EmbedDim: 192, Depth: 12, NumHeads: 3},
			"timm's vit_tiny_patch16_224"),
		row("vit_base_patch16_224", 85_798_656, input(224, 3), ViTConfig{PatchSize: 16, EmbedDim: 768, Depth: 12, NumHeads: 12},
			"timm's vit_base_patch16_224"),
	)
}

// Features implements Classifier.
func (m *ViT) Features(b *layer.Builder, images *layer.Node) *layer.Node {
	d, grid := m.EmbedDim, m.in.Size/m.PatchSize
	batch := images.Shape()[0]
	b = b.Init(layer.Normal(0, .02), layer.Zeros)

	x := b.Conv2d("patch_embed.proj", images, layer.Conv{Out: d, Kernel: m.PatchSize, Stride: m.PatchSize, Weight: layer.FanIn}) // [B, D, G, G]
	x = b.Permute(b.Reshape(x, batch, d, grid*grid), 0, 2, 1)                                                                    // [B, N, D]
	class := b.Param("cls_token", []int{1, 1, d}, layer.Normal(0, 1e-6))
	x = b.Concat(1, b.Expand(class, batch, 1, d), x) // [B, 1+N, D]
	x = b.Add(x, b.Param("pos_embed", []int{1, 1 + grid*grid, d}, layer.Normal(0, .02)))
	for i := range m.Depth {
		x = b.Sub("blocks").TokenBlock(strconv.Itoa(i), x, 1, m.block) // [B, 1+N, D]
	}
	x = b.LayerNorm("norm", x, vitEps)
	return b.Reshape(b.Slice(x, 1, 0, 1), batch, d) // [B, D]
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
