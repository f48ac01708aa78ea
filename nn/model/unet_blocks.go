package model

import "github.com/pipe-ml/pipe/nn/layer"

// unetPass is one build of a U-Net: what all its blocks read.
type unetPass struct {
	*UNet
	emb  *layer.Node // [B, 4 W0], SiLU applied
	text *layer.Node // [B, N, D]
}

// layer is resnets.j of a level, then attentions.j where the block has them.
func (u *unetPass) layer(b *layer.Builder, j int, x *layer.Node, level int, attend bool) *layer.Node {
	x = resnetBlock2D(b.Sub("resnets").At(j), x, u.emb, u.BlockOutChannels[level], u.NormNumGroups, u.NormEps)
	if attend {
		x = u.spatial(b.Sub("attentions").At(j), x, u.Heads.At(level))
	}
	return x
}

// resnetBlock2D is diffusers' ResnetBlock2D: x + conv2(silu(norm2(conv1(silu(norm1(x))) + time))), out channels wide. emb [B, E]
// is the timestep's embedding after SiLU, nil in a network without time.
func resnetBlock2D(b *layer.Builder, x, emb *layer.Node, out, groups int, eps float32) *layer.Node {
	if x == nil {
		return nil
	}
	in := x.Shape()[1]
	read := b.SiLU(b.GroupNorm("norm1", x, groups, eps))
	h := b.Conv2d("conv1", read, layer.Conv{Out: out, Kernel: 3, Pad: 1})
	if emb != nil {
		time := b.Linear("time_emb_proj", emb, out)
		h = b.Add(h, b.Reshape(time, x.Shape()[0], out, 1, 1))
	}
	h = b.SiLU(b.GroupNorm("norm2", h, groups, eps))
	h = b.Branch("residual", x, read, b.Conv2d("conv2", h, layer.Conv{Out: out, Kernel: 3, Pad: 1}))
	if in != out {
		x = b.Conv2d("conv_shortcut", x, layer.Conv{Out: out, Kernel: 1})
	}
	return b.Add(x, h)
}

// spatial is diffusers' Transformer2DModel with one block over the positions of x [B, C, H, W].
func (u *unetPass) spatial(b *layer.Builder, x *layer.Node, heads int) *layer.Node {
	if x == nil {
		return nil
	}
	s := x.Shape()
	batch, c, height, width := s[0], s[1], s[2], s[3]
	h := b.GroupNorm("norm", x, u.NormNumGroups, spatialEps)
	if !u.LinearProjection {
		h = b.Conv2d("proj_in", h, layer.Conv{Out: c, Kernel: 1})
	}
	h = b.Permute(b.Reshape(h, batch, c, height*width), 0, 2, 1) // [B, HW, C]
	if u.LinearProjection {
		h = b.Linear("proj_in", h, c)
	}
	h = u.transformer(b.Sub("transformer_blocks.0").OnGrid(height, width), h, heads)
	if u.LinearProjection {
		h = b.Linear("proj_out", h, c)
	}
	h = b.Reshape(b.Permute(h, 0, 2, 1), batch, c, height, width)
	if !u.LinearProjection {
		h = b.Conv2d("proj_out", h, layer.Conv{Out: c, Kernel: 1})
	}
	return b.Add(x, h)
}

// transformer is diffusers' BasicTransformerBlock on x [B, N, C]: self-attention, attention to the text, a gated
// feed-forward (GEGLU).
func (u *unetPass) transformer(b *layer.Builder, x *layer.Node, heads int) *layer.Node {
	if x == nil {
		return nil
	}
	c := x.Shape()[2]
	h := b.LayerNorm("norm1", x, blockEps)
	x = b.Add(x, b.Branch("attn1", x, h, u.attention(b.Sub("attn1"), h, h, heads)))
	h = b.LayerNorm("norm2", x, blockEps)
	x = b.Add(x, b.Branch("attn2", x, h, u.attention(b.Sub("attn2"), h, u.text, heads)))
	h = b.LayerNorm("norm3", x, blockEps)
	gated := b.Linear("ff.net.0.proj", h, 8*c)
	y := b.Mul(b.Slice(gated, 2, 0, 4*c), b.GELU(b.Slice(gated, 2, 4*c, 4*c)))
	return b.Add(x, b.Branch("ff", x, h, b.Linear("ff.net.2", y, c)))
}

// attention lets x [B, N, C] attend to context [B, M, D]; q, k and v have no bias.
func (u *unetPass) attention(b *layer.Builder, x, context *layer.Node, heads int) *layer.Node {
	if x == nil {
		return nil
	}
	c := x.Shape()[2]
	q := b.Linear("to_q", x, c, layer.NoBias)
	k := b.Linear("to_k", context, c, layer.NoBias)
	v := b.Linear("to_v", context, c, layer.NoBias)
	return b.Linear("to_out.0", b.Attention("heads", q, k, v, heads, false), c)
}
