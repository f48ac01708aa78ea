package model

import (
	"fmt"
	"math"

	"github.com/pipe-ml/pipe/accel/elementary"
	"github.com/pipe-ml/pipe/nn/layer"
)

// UNet is diffusers' UNet2DConditionModel (Rombach et al. 2022, arXiv:2112.10752), the denoiser of Stable Diffusion
// 1.x and 2.x: residual blocks conditioned on the timestep, spatial transformers that attend to the text, skip
// connections. It loads its checkpoints by their keys; JSON keys are those of its config.json. Resnets use
// SiLU and NormEps, the spatial transformers' entry norm 1e-6, LayerNorm 1e-5; projections of a spatial
// transformer are 1x1 convolutions in 1.x and linear in 2.x.
type UNet struct {
	SampleSize       int      `json:"sample_size"`
	InChannels       int      `json:"in_channels"`
	OutChannels      int      `json:"out_channels"`
	DownBlockTypes   []string `json:"down_block_types"`
	UpBlockTypes     []string `json:"up_block_types"`
	BlockOutChannels []int    `json:"block_out_channels"`
	LayersPerBlock   int      `json:"layers_per_block"`
	CrossAttention   int      `json:"cross_attention_dim"`
	// Heads of the attentions of each level; diffusers' name is a known misnomer.
	Heads            PerLevel `json:"attention_head_dim"`
	LinearProjection bool     `json:"use_linear_projection,omitempty"`
	NormNumGroups    int      `json:"norm_num_groups"`
	NormEps          float32  `json:"norm_eps"`
	ActFn            string   `json:"act_fn"`
	Class            string   `json:"_class_name"`
}

const (
	spatialEps = 1e-6 // Transformer2DModel's entry norm
	blockEps   = 1e-5 // LayerNorm of BasicTransformerBlock
)

const (
	plainDown = "DownBlock2D"
	crossDown = "CrossAttnDownBlock2D"
	plainUp   = "UpBlock2D"
	crossUp   = "CrossAttnUpBlock2D"
)

// TimeFeatures is the sinusoidal embedding of a timestep, what Build's time input holds a row of: cosines, then
// sines, of t / 10000^(i/half), as wide as the first level.
func (m *UNet) TimeFeatures(t int) []float32 {
	width := m.BlockOutChannels[0]
	half := width / 2
	out := make([]float32, width)
	for i := range half {
		angle := float64(t) * elementary.Exp(-4*math.Ln10*float64(i)/float64(half))
		out[i], out[half+i] = float32(elementary.Cos(angle)), float32(elementary.Sin(angle))
	}
	return out
}

// Build predicts the noise [B, C, S, S] in x of the same shape, given time [B, W0] (rows of TimeFeatures) and
// text [B, N, D].
func (m *UNet) Build(b *layer.Builder, x, time, text *layer.Node) *layer.Node {
	n, widths := len(m.BlockOutChannels), m.BlockOutChannels
	emb := b.Linear("time_embedding.linear_1", time, 4*widths[0])
	emb = b.Linear("time_embedding.linear_2", b.SiLU(emb), 4*widths[0])
	u := &unetPass{UNet: m, emb: b.SiLU(emb), text: text} // every use of emb begins with SiLU

	x = b.Conv2d("conv_in", x, layer.Conv{Out: widths[0], Kernel: 3, Pad: 1}) // [B, W0, S, S]
	skips := []*layer.Node{x}
	for i := range n {
		x = b.Block(fmt.Sprintf("down_blocks.%d", i), x, func(b *layer.Builder, x *layer.Node) *layer.Node {
			for j := range m.LayersPerBlock {
				x = u.layer(b, j, x, i, m.DownBlockTypes[i] == crossDown)
				skips = append(skips, x)
			}
			if i < n-1 {
				x = b.Conv2d("downsamplers.0.conv", x, layer.Conv{Out: widths[i], Kernel: 3, Stride: 2, Pad: 1})
				skips = append(skips, x)
			}
			return x // [B, Wi, S/2^(i+1), ...], the last not halved
		})
	}
	x = b.Block("mid_block", x, func(b *layer.Builder, x *layer.Node) *layer.Node {
		x = u.layer(b, 0, x, n-1, true)
		return resnetBlock2D(b.Sub("resnets.1"), x, u.emb, widths[n-1], m.NormNumGroups, m.NormEps)
	})
	for i := range n {
		level := n - 1 - i
		x = b.Block(fmt.Sprintf("up_blocks.%d", i), x, func(b *layer.Builder, x *layer.Node) *layer.Node {
			for j := range m.LayersPerBlock + 1 {
				x = b.Concat(1, x, skips[len(skips)-1])
				skips = skips[:len(skips)-1]
				x = u.layer(b, j, x, level, m.UpBlockTypes[i] == crossUp)
			}
			if i < n-1 {
				x = b.UpsampleNearest2d(x, 2)
				x = b.Conv2d("upsamplers.0.conv", x, layer.Conv{Out: widths[level], Kernel: 3, Pad: 1})
			}
			return x
		})
	}
	x = b.SiLU(b.GroupNorm("conv_norm_out", x, m.NormNumGroups, m.NormEps))
	return b.Conv2d("conv_out", x, layer.Conv{Out: m.OutChannels, Kernel: 3, Pad: 1})
}

// NoDecay spares nothing beside biases and norms.
func (m *UNet) NoDecay(string) bool { return false }
