package model

import (
	"fmt"

	"github.com/pipe-ml/pipe/nn/layer"
)

// AutoencoderKL is diffusers' variational autoencoder of that name (Rombach et al. 2022, arXiv:2112.10752), Stable
// Diffusion's map between images and latents of 1/2^(levels-1) of their side. It loads its checkpoints by their keys; JSON
// keys are those of its config.json. Resnets use SiLU, all norms have epsilon 1e-6, and the middle attends over all
// positions with one head.
type AutoencoderKL struct {
	SampleSize       int      `json:"sample_size"`
	InChannels       int      `json:"in_channels"`
	OutChannels      int      `json:"out_channels"`
	LatentChannels   int      `json:"latent_channels"`
	DownBlockTypes   []string `json:"down_block_types"`
	UpBlockTypes     []string `json:"up_block_types"`
	BlockOutChannels []int    `json:"block_out_channels"`
	LayersPerBlock   int      `json:"layers_per_block"`
	NormNumGroups    int      `json:"norm_num_groups"`
	ScalingFactor    float64  `json:"scaling_factor"` // a denoiser works on latents times this
	ActFn            string   `json:"act_fn"`
	Class            string   `json:"_class_name"`
}

const autoencoderEps = 1e-6

const (
	downEncoder = "DownEncoderBlock2D"
	upDecoder   = "UpDecoderBlock2D"
)

// autoencoderKeys are the other keys of diffusers' AutoencoderKL (0.42). force_upcast asks for float32, in which all is
// computed here.
var autoencoderKeys = PublishedKeys{
	Only: map[string][]any{
		"force_upcast": {true, false}, "latents_mean": {nil}, "latents_std": {nil}, "mid_block_add_attention": {true},
		"shift_factor": {nil}, "use_post_quant_conv": {true}, "use_quant_conv": {true},
	},
	Ignored: []string{"_diffusers_version", "_name_or_path"},
}

// UnmarshalJSON reads diffusers' config.json; keys that are missing have diffusers' defaults.
func (m *AutoencoderKL) UnmarshalJSON(text []byte) error {
	type plain AutoencoderKL
	*m = AutoencoderKL{
		SampleSize: 32, InChannels: 3, OutChannels: 3, LatentChannels: 4, DownBlockTypes: []string{downEncoder},
		UpBlockTypes: []string{upDecoder}, BlockOutChannels: []int{64}, LayersPerBlock: 1, NormNumGroups: 32,
		ScalingFactor: 0.18215, ActFn: "silu",
	}
	return autoencoderKeys.Decode("autoencoder", text, (*plain)(m))
}

// Validate refuses a configuration that cannot be built.
func (m *AutoencoderKL) Validate() error {
	n := len(m.BlockOutChannels)
	switch {
	case m.Class != "" && m.Class != "AutoencoderKL":
		return fmt.Errorf("autoencoder: class %q: only AutoencoderKL is supported", m.Class)
	case n == 0 || len(m.DownBlockTypes) != n || len(m.UpBlockTypes) != n:
		return fmt.Errorf("autoencoder: %d widths, %d down blocks, %d up blocks", n, len(m.DownBlockTypes), len(m.UpBlockTypes))
	case m.InChannels < 1 || m.OutChannels != m.InChannels || m.LatentChannels < 1 || m.LayersPerBlock < 1 || m.NormNumGroups < 1:
		return fmt.Errorf("autoencoder: channels %d to %d by %d, %d layers a block, %d groups",
			m.InChannels, m.OutChannels, m.LatentChannels, m.LayersPerBlock, m.NormNumGroups)
	case m.ScalingFactor <= 0:
		return fmt.Errorf("autoencoder: scaling_factor %v is not positive", m.ScalingFactor)
	case m.ActFn != "silu":
		return fmt.Errorf("autoencoder: activation %q: only silu is supported", m.ActFn)
	}
	for i, w := range m.BlockOutChannels {
		if t := m.DownBlockTypes[i]; t != downEncoder {
			return fmt.Errorf("autoencoder: down block %q: only %s is supported", t, downEncoder)
		}
		if t := m.UpBlockTypes[i]; t != upDecoder {
			return fmt.Errorf("autoencoder: up block %q: only %s is supported", t, upDecoder)
		}
		if w < 1 || w%m.NormNumGroups != 0 {
			return fmt.Errorf("autoencoder: width %d with %d groups", w, m.NormNumGroups)
		}
	}
	return nil
}

// Shrink is how many pixels a side one latent stands for.
func (m *AutoencoderKL) Shrink() int { return 1 << (len(m.BlockOutChannels) - 1) }

// Encode maps images [B, C, H, W] in [-1, 1] to the moments [B, 2 L, H/Shrink, W/Shrink] of the latents' distribution: L
// means, then L logarithms of variances, which diffusers clamps to [-30, 20] when it uses them.
func (m *AutoencoderKL) Encode(b *layer.Builder, images *layer.Node) *layer.Node {
	n, e := len(m.BlockOutChannels), b.Sub("encoder")
	x := e.Conv2d("conv_in", images, layer.Conv{Out: m.BlockOutChannels[0], Kernel: 3, Pad: 1})
	for i, width := range m.BlockOutChannels {
		x = e.Block(fmt.Sprintf("down_blocks.%d", i), x, func(b *layer.Builder, x *layer.Node) *layer.Node {
			for j := range m.LayersPerBlock {
				x = m.resnet(b, j, x, width)
			}
			if i < n-1 { // padded by one below and to the right only
				x = b.Conv2d("downsamplers.0.conv", x, layer.Conv{Out: width, Kernel: 3, Stride: 2, PadEnd: 1})
			}
			return x // [B, Wi, H/2^(i+1), ...], the last not halved
		})
	}
	x = e.Block("mid_block", x, m.middle)
	x = e.SiLU(e.GroupNorm("conv_norm_out", x, m.NormNumGroups, autoencoderEps))
	x = e.Conv2d("conv_out", x, layer.Conv{Out: 2 * m.LatentChannels, Kernel: 3, Pad: 1})
	return b.Conv2d("quant_conv", x, layer.Conv{Out: 2 * m.LatentChannels, Kernel: 1})
}

// Decode maps latents [B, L, h, w], not scaled, to images [B, C, h Shrink, w Shrink], which lie about [-1, 1].
func (m *AutoencoderKL) Decode(b *layer.Builder, latents *layer.Node) *layer.Node {
	n, d := len(m.BlockOutChannels), b.Sub("decoder")
	x := b.Conv2d("post_quant_conv", latents, layer.Conv{Out: m.LatentChannels, Kernel: 1})
	x = d.Conv2d("conv_in", x, layer.Conv{Out: m.BlockOutChannels[n-1], Kernel: 3, Pad: 1})
	x = d.Block("mid_block", x, m.middle)
	for i := range n {
		width := m.BlockOutChannels[n-1-i]
		x = d.Block(fmt.Sprintf("up_blocks.%d", i), x, func(b *layer.Builder, x *layer.Node) *layer.Node {
			for j := range m.LayersPerBlock + 1 {
				x = m.resnet(b, j, x, width)
			}
			if i < n-1 {
				x = b.UpsampleNearest2d(x, 2)
				x = b.Conv2d("upsamplers.0.conv", x, layer.Conv{Out: width, Kernel: 3, Pad: 1})
			}
			return x
		})
	}
	x = d.SiLU(d.GroupNorm("conv_norm_out", x, m.NormNumGroups, autoencoderEps))
	return d.Conv2d("conv_out", x, layer.Conv{Out: m.OutChannels, Kernel: 3, Pad: 1})
}

func (m *AutoencoderKL) resnet(b *layer.Builder, j int, x *layer.Node, width int) *layer.Node {
	return resnetBlock2D(b.Sub("resnets").At(j), x, nil, width, m.NormNumGroups, autoencoderEps)
}

// middle is diffusers' UNetMidBlock2D: a residual block, attention, a residual block.
func (m *AutoencoderKL) middle(b *layer.Builder, x *layer.Node) *layer.Node {
	width := m.BlockOutChannels[len(m.BlockOutChannels)-1]
	x = m.resnet(b, 0, x, width)
	x = m.attention(b.Sub("attentions.0"), x)
	return m.resnet(b, 1, x, width)
}

// attention is x + to_out(attention over the positions of group_norm(x)), x [B, C, H, W].
func (m *AutoencoderKL) attention(b *layer.Builder, x *layer.Node) *layer.Node {
	if x == nil {
		return nil
	}
	s := x.Shape()
	batch, c, height, width := s[0], s[1], s[2], s[3]
	read := b.GroupNorm("group_norm", x, m.NormNumGroups, autoencoderEps)
	h := b.Permute(b.Reshape(read, batch, c, height*width), 0, 2, 1) // [B, HW, C]
	q, k, v := b.Linear("to_q", h, c), b.Linear("to_k", h, c), b.Linear("to_v", h, c)
	h = b.Linear("to_out.0", b.Attention("heads", q, k, v, 1, false), c)
	return b.Add(x, b.Branch("residual", x, read, b.Reshape(b.Permute(h, 0, 2, 1), batch, c, height, width)))
}
