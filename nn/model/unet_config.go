package model

import "fmt"

// unetKeys are the other keys of diffusers' UNet2DConditionModel (0.42) with the values that mean a U-Net of
// Stable Diffusion 1.x or 2.x. upcast_attention asks for float32, in which all is computed here.
var unetKeys = PublishedKeys{
	Only: map[string][]any{
		"addition_embed_type": {nil}, "addition_embed_type_num_heads": {64.}, "addition_time_embed_dim": {nil},
		"attention_type": {"default"}, "center_input_sample": {false}, "class_embed_type": {nil}, "class_embeddings_concat": {false},
		"conv_in_kernel": {3.}, "conv_out_kernel": {3.}, "cross_attention_norm": {nil}, "downsample_padding": {1.}, "dropout": {0.},
		"dual_cross_attention": {false}, "encoder_hid_dim": {nil}, "encoder_hid_dim_type": {nil}, "flip_sin_to_cos": {true},
		"freq_shift": {0.}, "mid_block_only_cross_attention": {nil, false}, "mid_block_scale_factor": {1.},
		"mid_block_type": {"UNetMidBlock2DCrossAttn"}, "num_attention_heads": {nil}, "num_class_embeds": {nil},
		"only_cross_attention": {false}, "projection_class_embeddings_input_dim": {nil}, "resnet_out_scale_factor": {1.},
		"resnet_skip_time_act": {false}, "resnet_time_scale_shift": {"default"}, "reverse_transformer_layers_per_block": {nil},
		"time_cond_proj_dim": {nil}, "time_embedding_act_fn": {nil}, "time_embedding_dim": {nil}, "time_embedding_type": {"positional"},
		"timestep_post_act": {nil}, "transformer_layers_per_block": {1.}, "upcast_attention": {false, true},
	},
	Ignored: []string{"_diffusers_version", "_name_or_path"},
}

// UnmarshalJSON reads diffusers' config.json; keys that are missing have diffusers' defaults.
func (m *UNet) UnmarshalJSON(text []byte) error {
	type plain UNet
	*m = UNet{
		InChannels: 4, OutChannels: 4, BlockOutChannels: []int{320, 640, 1280, 1280}, LayersPerBlock: 2, CrossAttention: 1280,
		DownBlockTypes: []string{crossDown, crossDown, crossDown, plainDown}, UpBlockTypes: []string{plainUp, crossUp, crossUp, crossUp},
		Heads: PerLevel{8}, NormNumGroups: 32, NormEps: 1e-5, ActFn: "silu",
	}
	return unetKeys.Decode("u-net", text, (*plain)(m))
}

// NewUNet is a U-Net over latents [channels, size, size] with a level for each element of widths; levels
// from attendFrom on attend to a text of width text.
func NewUNet(size, channels int, widths []int, layers, attendFrom, text, heads, groups int) *UNet {
	m := &UNet{
		SampleSize: size, InChannels: channels, OutChannels: channels, BlockOutChannels: widths, LayersPerBlock: layers,
		CrossAttention: text, Heads: PerLevel{heads}, NormNumGroups: groups, NormEps: 1e-5, ActFn: "silu", Class: "UNet2DConditionModel",
	}
	for i := range widths {
		down, up := plainDown, plainUp
		if i >= attendFrom {
			down = crossDown
		}
		if len(widths)-1-i >= attendFrom {
			up = crossUp
		}
		m.DownBlockTypes, m.UpBlockTypes = append(m.DownBlockTypes, down), append(m.UpBlockTypes, up)
	}
	return m
}

// Validate refuses a configuration that cannot be built.
func (m *UNet) Validate() error {
	n := len(m.BlockOutChannels)
	if n == 0 || len(m.DownBlockTypes) != n || len(m.UpBlockTypes) != n {
		return fmt.Errorf("u-net: %d widths, %d down blocks, %d up blocks", n, len(m.DownBlockTypes), len(m.UpBlockTypes))
	}
	if m.Class != "" && m.Class != "UNet2DConditionModel" {
		return fmt.Errorf("u-net: class %q: only UNet2DConditionModel is supported", m.Class)
	}
	if m.InChannels < 1 || m.OutChannels < 1 || m.LayersPerBlock < 1 || m.CrossAttention < 1 || m.NormNumGroups < 1 {
		return fmt.Errorf("u-net: channels %d to %d, %d layers a block, text of width %d, %d groups",
			m.InChannels, m.OutChannels, m.LayersPerBlock, m.CrossAttention, m.NormNumGroups)
	}
	if m.SampleSize < 1 || m.SampleSize%(1<<(n-1)) != 0 {
		return fmt.Errorf("u-net: a side of %d does not halve %d times", m.SampleSize, n-1)
	}
	if m.ActFn != "silu" {
		return fmt.Errorf("u-net: activation %q: only silu is supported", m.ActFn)
	}
	if len(m.Heads) != 1 && len(m.Heads) != n {
		return fmt.Errorf("u-net: heads (attention_head_dim) of %d levels for %d", len(m.Heads), n)
	}
	for i := range n {
		if t := m.DownBlockTypes[i]; t != plainDown && t != crossDown {
			return fmt.Errorf("u-net: down block %q is not known", t)
		}
		if t := m.UpBlockTypes[i]; t != plainUp && t != crossUp {
			return fmt.Errorf("u-net: up block %q is not known", t)
		}
		if w, heads := m.BlockOutChannels[i], m.Heads.At(i); w < 1 || heads < 1 || w%m.NormNumGroups != 0 || w%heads != 0 {
			return fmt.Errorf("u-net: width %d with %d groups and %d heads", w, m.NormNumGroups, heads)
		}
	}
	return nil
}
