package model

import (
	"cmp"
	"fmt"
	"math"
	"strconv"

	"github.com/pipe-ml/pipe/accel/elementary"
	"github.com/pipe-ml/pipe/nn/layer"
)

// ViT is timm's VisionTransformer (Dosovitskiy et al. 2021, arXiv:2010.11929): patches, a class token, learned
// positions, pre-norm blocks, the class token's features after a final norm. It loads timm's
// vit_*_patch*_* checkpoints by their keys, those of DINO, DINOv2 (arXiv:2304.07193, with registers arXiv:2309.16588), MAE and CLIP among
// them. qkv has a bias.
//
// Initial values are the original's (timm's weight_init="jax": Xavier), and positions start from MAE's sines and cosines
// instead of small noise: with timm's default of N(0, 0.02^2) for both, a network of width 96 has not left
// the loss of guessing after a hundred steps.
type ViT struct {
	ViTConfig
	in Input
}

// ViTConfig has timm's argument names; zero values are timm's defaults.
type ViTConfig struct {
	PatchSize  int `json:"patch_size"`
	EmbedDim   int `json:"embed_dim"`
	Depth      int `json:"depth"`
	NumHeads   int `json:"num_heads"`
	MLPRatio   int `json:"mlp_ratio"`
	NumClasses int `json:"num_classes"`
	// GlobalPool is "token", the class token's features behind the final norm, or "avg", the mean of the patches', with the norm
	// behind it (fc_norm), as MAE's authors fine-tune it.
	GlobalPool string `json:"global_pool,omitempty"`
	// ActLayer is "gelu", the erf form, or "quick_gelu", as OpenAI trained CLIP.
	ActLayer string `json:"act_layer,omitempty"`
	// NormEps is LayerNorm's epsilon: 1e-6, CLIP's 1e-5.
	NormEps float32 `json:"norm_eps,omitempty"`
	// PreNorm puts a norm before the blocks, and takes the patches' bias away: CLIP.
	PreNorm bool `json:"pre_norm,omitempty"`
	// InitValues is what the gains of the branches start from (LayerScale); 0: there are none. DINOv2.
	InitValues float32 `json:"init_values,omitempty"`
	// RegTokens is the number of registers behind the class token.
	RegTokens int `json:"reg_tokens,omitempty"`
	// NoEmbedClass gives positions to patches only.
	NoEmbedClass bool `json:"no_embed_class,omitempty"`
	// ConvStem holds the channels of 3x3 convolutions of stride 2 before the last one to EmbedDim, all of which replace
	// the cutting into patches: timm's HybridEmbed on a ConvStem.
	ConvStem []int `json:"conv_stem,omitempty"`
}

// NewViT is a ViT of any width and depth.
func NewViT(c ViTConfig, in Input) (*ViT, error) {
	c.GlobalPool, c.ActLayer = cmp.Or(c.GlobalPool, "token"), cmp.Or(c.ActLayer, "gelu")
	c.NormEps, c.MLPRatio = cmp.Or(c.NormEps, 1e-6), cmp.Or(c.MLPRatio, 4)
	if c.PatchSize < 1 || c.Depth < 0 || c.NumHeads < 1 || c.EmbedDim < 1 || c.EmbedDim%c.NumHeads != 0 {
		return nil, fmt.Errorf("patches of %d pixels, %d blocks, width %d, %d heads: all must be positive, and the heads divide the width", c.PatchSize, c.Depth, c.EmbedDim, c.NumHeads)
	}
	if n := len(c.ConvStem); n > 0 && c.PatchSize != 2<<n {
		return nil, fmt.Errorf("a stem of %d convolutions makes positions of %d pixels, not %d", n+1, 2<<n, c.PatchSize)
	}
	if in.Size%c.PatchSize != 0 {
		return nil, fmt.Errorf("images of %d pixels do not divide into patches of %d", in.Size, c.PatchSize)
	}
	if c.GlobalPool != "token" && c.GlobalPool != "avg" {
		return nil, fmt.Errorf("global_pool %q: there are token and avg", c.GlobalPool)
	}
	if c.ActLayer != "gelu" && c.ActLayer != "quick_gelu" {
		return nil, fmt.Errorf("act_layer %q: there are gelu and quick_gelu", c.ActLayer)
	}
	return &ViT{c, in}, nil
}

// Features implements Classifier.
func (m *ViT) Features(b *layer.Builder, images *layer.Node) *layer.Node {
	d, grid := m.EmbedDim, m.in.Size/m.PatchSize
	batch := images.Shape()[0]
	b = b.Init(layer.XavierUniform, layer.Zeros).OnGrid(grid, grid)

	x := m.embed(b.Sub("patch_embed"), images)                // [B, D, G, G]
	x = b.Permute(b.Reshape(x, batch, d, grid*grid), 0, 2, 1) // [B, N, D]
	x = m.tokens(b, x, grid)                                  // [B, P+N, D]
	if m.PreNorm {
		x = b.LayerNorm("norm_pre", x, m.NormEps)
	}
	for i := range m.Depth {
		x = b.Sub("blocks").TokenBlock(strconv.Itoa(i), x, m.prefix(), m.block) // [B, P+N, D]
	}
	if m.GlobalPool == "token" {
		x = b.LayerNorm("norm", x, m.NormEps)
		return b.Features("pre_logits", b.Reshape(b.Slice(x, 1, 0, 1), batch, d)) // [B, D]
	}
	x = b.Permute(b.Slice(x, 1, m.prefix(), grid*grid), 0, 2, 1) // [B, D, N]
	x = b.GlobalAvgPool2d(b.Reshape(x, batch, d, grid, grid))
	return b.Features("pre_logits", b.LayerNorm("fc_norm", x, m.NormEps)) // [B, D]
}

// prefix is the number of tokens before the patches: the class token and the registers.
func (m *ViT) prefix() int { return 1 + m.RegTokens }

// tokens puts the prefix before the patches x [B, N, D] and adds the positions.
func (m *ViT) tokens(b *layer.Builder, x *layer.Node, grid int) *layer.Node {
	batch, d := x.Shape()[0], m.EmbedDim
	small := layer.Normal(0, 1e-6)
	prefix := []*layer.Node{b.Expand(b.Param("cls_token", []int{1, 1, d}, small), batch, 1, d)}
	if m.RegTokens > 0 {
		prefix = append(prefix, b.Expand(b.Param("reg_token", []int{1, m.RegTokens, d}, small), batch, m.RegTokens, d))
	}
	if m.NoEmbedClass {
		x = b.Add(x, b.Param("pos_embed", []int{1, grid * grid, d}, sinCos(0, grid, d)))
		return b.Concat(1, append(prefix, x)...)
	}
	x = b.Concat(1, append(prefix, x)...)
	return b.Add(x, b.Param("pos_embed", []int{1, m.prefix() + grid*grid, d}, sinCos(m.prefix(), grid, d)))
}

// embed maps images to one vector a patch, by a linear map or by the convolutional stem (Xiao et al. 2021,
// arXiv:2106.14881), whose batch norms stand between.
func (m *ViT) embed(b *layer.Builder, x *layer.Node) *layer.Node {
	if len(m.ConvStem) == 0 {
		return b.Conv2d("proj", x, layer.Conv{Out: m.EmbedDim, Kernel: m.PatchSize, Stride: m.PatchSize, NoBias: m.PreNorm, Weight: layer.FanIn})
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

// sinCos fills [1, prefix+grid*grid, d] with zeros for the prefix and the sines and cosines of a patch's column,
// then of its row, at d/4 frequencies (He et al. 2022, arXiv:2111.06377).
func sinCos(prefix, grid, d int) layer.Init {
	return func(_ layer.Source, _, _ int, data []float32) {
		quarter := d / 4
		for i := range grid * grid {
			at := data[(prefix+i)*d:][:d]
			for axis, position := range [2]int{i % grid, i / grid} {
				for k := range quarter {
					angle := float64(position) * elementary.Exp(-4*math.Ln10*float64(k)/float64(quarter))
					at[2*axis*quarter+k] = float32(elementary.Sin(angle))
					at[(2*axis+1)*quarter+k] = float32(elementary.Cos(angle))
				}
			}
		}
	}
}

// block is x + attention(norm1(x)), then x + mlp(norm2(x)).
func (m *ViT) block(b *layer.Builder, x *layer.Node) *layer.Node {
	d := m.EmbedDim
	h := b.LayerNorm("norm1", x, m.NormEps)
	qkv := b.LinearSlices("attn.qkv", h, 3*d, []string{"q", "k", "v"}) // 3 of [B, N, D]
	y := b.Linear("attn.proj", b.Attention("attn.heads", qkv[0], qkv[1], qkv[2], m.NumHeads, false), d)
	x = b.Add(x, b.Branch("attn", x, h, m.scale(b, "ls1", y)))
	h = b.LayerNorm("norm2", x, m.NormEps)
	y = b.Linear("mlp.fc1", h, m.MLPRatio*d) // [B, N, 4D]
	if m.ActLayer == "gelu" {
		y = b.GELU(y)
	} else {
		y = b.QuickGELU(y)
	}
	return b.Add(x, b.Branch("mlp", x, h, m.scale(b, "ls2", b.Linear("mlp.fc2", y, d))))
}

// scale multiplies a branch's output by its gains, if it has any.
func (m *ViT) scale(b *layer.Builder, name string, y *layer.Node) *layer.Node {
	if m.InitValues == 0 {
		return y
	}
	return b.LayerScale(name, y, layer.Const(m.InitValues))
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
	groups := []Group{{"stem", []string{"patch_embed", "cls_token", "reg_token", "pos_embed", "norm_pre"}}}
	for i := range m.Depth {
		groups = append(groups, Group{fmt.Sprintf("blocks.%d", i), []string{fmt.Sprintf("blocks.%d", i)}})
	}
	return append(groups, Group{"head", []string{"norm", "fc_norm", "head"}})
}

// NoDecay implements Classifier.
func (m *ViT) NoDecay(name string) bool {
	return name == "pos_embed" || name == "cls_token" || name == "reg_token"
}

// Input implements Classifier.
func (m *ViT) Input() Input { return m.in }

// Pool implements Classifier.
func (m *ViT) Pool() string { return m.GlobalPool }

// Classes implements Classifier.
func (m *ViT) Classes() int { return m.NumClasses }
