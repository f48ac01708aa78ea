package peft_test

import (
	"fmt"

	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/accel/kernel"
	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/model"
	"github.com/pipe-ml/pipe/nn/peft"
)

// The backbones of the matrix: every kind of site, nothing square. Each builds its output as a matrix or a map and is
// trained towards a constant by mean squared error.

const batch = 2

// backbone is a network and its inputs in order.
type backbone struct {
	name   string
	inputs map[string][]int // per name, batch included
	build  func(b *layer.Builder, in map[string]*layer.Node) *layer.Node
}

// model is the backbone as peft wants it; out receives the output of each build.
func (n backbone) model(out **layer.Node, leaves map[string]*layer.Node) peft.Model {
	return func(b *layer.Builder) {
		in := map[string]*layer.Node{}
		for _, name := range []string{"image", "context", "time"} {
			if shape, ok := n.inputs[name]; ok {
				in[name] = b.Input(name, tensor.Float32, shape...)
			}
		}
		if shape, ok := n.inputs["ids"]; ok {
			in["ids"] = b.Input("ids", tensor.Int32, shape...)
		}
		y := n.build(b, in)
		if out != nil {
			*out = y
		}
		for k, v := range in {
			if leaves != nil {
				leaves[k] = v
			}
		}
	}
}

var backbones = []backbone{
	{"vit", map[string][]int{"image": {batch, 2, 8, 12}}, vit},
	{"resnet", map[string][]int{"image": {batch, 2, 8, 12}}, resnet},
	{"unet", map[string][]int{"image": {batch, 4, 4, 6}, "context": {batch, 3, 5}, "time": {batch, 7}}, unet},
	{"densenet", map[string][]int{"image": {batch, 2, 6, 10}}, densenet},
	{"clip", map[string][]int{"ids": {batch, 5}}, func(b *layer.Builder, in map[string]*layer.Node) *layer.Node {
		return model.NewCLIPText(vocabulary, 7, 12, 2, 3).Build(b, in["ids"])
	}},
}

// vocabulary is how many tokens the text encoder knows.
const vocabulary = 11

// special are backbones for what the others lack.
var special = []backbone{
	{"vit24", map[string][]int{"image": {batch, 2, 8, 12}}, func(b *layer.Builder, in map[string]*layer.Node) *layer.Node { return vitOf(24, b, in) }},
	{"sd", map[string][]int{"image": {batch, 4, 4, 6}, "context": {batch, 3, 5}, "time": {batch, 4}}, func(b *layer.Builder, in map[string]*layer.Node) *layer.Node {
		return model.NewUNet(4, 4, []int{4, 6}, 1, 1, 5, 2, 2).Build(b, in["image"], in["time"], in["context"])
	}},
	{"dinov2", map[string][]int{"image": {batch, 2, 8, 8}}, dinov2},
}

// dinov2 has registers, and gains at the end of its branches.
func dinov2(b *layer.Builder, in map[string]*layer.Node) *layer.Node {
	m, err := model.NewViT(model.ViTConfig{
		PatchSize: 4, EmbedDim: 12, Depth: 2, NumHeads: 3, NumClasses: 3, InitValues: .5, RegTokens: 2, NoEmbedClass: true,
	}, model.Input{Size: 8, Channels: 2})
	if err != nil {
		return nil // which fails the build
	}
	return m.Head(b, m.Features(b, in["image"]))
}

// vit has two blocks of width 12 with a fused qkv, an MLP of 20 and 6 patches.
func vit(b *layer.Builder, in map[string]*layer.Node) *layer.Node { return vitOf(20, b, in) }

// vitOf has an MLP of that width.
func vitOf(hidden int, b *layer.Builder, in map[string]*layer.Node) *layer.Node {
	const d = 12
	b = b.Init(layer.Normal(0, .2), layer.Normal(0, .1)).OnGrid(2, 3)
	x := b.Conv2d("patch_embed.proj", in["image"], layer.Conv{Out: d, Kernel: 4, Stride: 4})
	x = b.Permute(b.Reshape(x, batch, d, 6), 0, 2, 1)
	class := b.Param("cls_token", []int{1, 1, d}, layer.Normal(0, .2))
	x = b.Concat(1, b.Expand(class, batch, 1, d), x)
	x = b.Add(x, b.Param("pos_embed", []int{1, 7, d}, layer.Normal(0, .2)))
	for i := range 2 {
		x = b.TokenBlock(fmt.Sprintf("blocks.%d", i), x, 1, func(b *layer.Builder, x *layer.Node) *layer.Node {
			h := b.LayerNorm("norm1", x, 1e-6)
			qkv := b.LinearSlices("attn.qkv", h, 3*d, []string{"q", "k", "v"})
			y := b.Linear("attn.proj", b.Attention("attn.heads", qkv[0], qkv[1], qkv[2], 3, false), d)
			x = b.Add(x, b.Branch("attn", x, h, y))
			h = b.LayerNorm("norm2", x, 1e-6)
			y = b.Linear("mlp.fc2", b.GELU(b.Linear("mlp.fc1", h, hidden)), d)
			return b.Add(x, b.Branch("mlp", x, h, y))
		})
	}
	x = b.Reshape(b.Slice(b.LayerNorm("norm", x, 1e-6), 1, 0, 1), batch, d)
	return b.Head().Linear("head", b.Features("pre_logits", x), 3)
}

// resnet has a stem, a block with and a block without an identity shortcut.
func resnet(b *layer.Builder, in map[string]*layer.Node) *layer.Node {
	conv := func(b *layer.Builder, n string, x *layer.Node, c layer.Conv) *layer.Node {
		c.NoBias = true
		return b.BatchNorm("bn"+n, b.Conv2d("conv"+n, x, c), 1e-5)
	}
	x := b.ReLU(conv(b, "1", in["image"], layer.Conv{Out: 4, Kernel: 3, Pad: 1}))
	x = b.Block("layer1.0", x, func(b *layer.Builder, x *layer.Node) *layer.Node {
		h := b.ReLU(conv(b, "1", x, layer.Conv{Out: 4, Kernel: 3, Pad: 1}))
		return b.ReLU(b.Add(b.Branch("residual", x, x, conv(b, "2", h, layer.Conv{Out: 4, Kernel: 3, Pad: 1})), x))
	})
	x = b.Block("layer2.0", x, func(b *layer.Builder, x *layer.Node) *layer.Node {
		h := b.ReLU(conv(b, "1", x, layer.Conv{Out: 6, Kernel: 3, Stride: 2, Pad: 1}))
		h = b.Branch("residual", x, x, conv(b, "2", h, layer.Conv{Out: 6, Kernel: 3, Pad: 1}))
		x = b.Conv2d("downsample.0", x, layer.Conv{Out: 6, Kernel: 1, Stride: 2, NoBias: true})
		return b.ReLU(b.Add(h, b.BatchNorm("downsample.1", x, 1e-5)))
	})
	return b.Head().Linear("fc", b.Features("pre_logits", b.GlobalAvgPool2d(x)), 3)
}

// densenet has a block of two layers, a transition and the last norm.
func densenet(b *layer.Builder, in map[string]*layer.Node) *layer.Node {
	f := b.Sub("features")
	x := f.ReLU(f.BatchNorm("norm0", f.Conv2d("conv0", in["image"], layer.Conv{Out: 4, Kernel: 3, Pad: 1, NoBias: true}), 1e-5))
	for i := range 2 {
		y := b.Block(fmt.Sprintf("features.denseblock1.denselayer%d", i+1), x, func(b *layer.Builder, x *layer.Node) *layer.Node {
			y := b.Conv2d("conv1", b.ReLU(b.BatchNorm("norm1", x, 1e-5)), layer.Conv{Out: 6, Kernel: 1, NoBias: true})
			y = b.Conv2d("conv2", b.ReLU(b.BatchNorm("norm2", y, 1e-5)), layer.Conv{Out: 4, Kernel: 3, Pad: 1, NoBias: true})
			return b.BranchWithoutSum("dense", x, x, y)
		})
		x = b.Concat(1, x, y)
	}
	t := f.Sub("transition1")
	x = t.Conv2d("conv", t.ReLU(t.BatchNorm("norm", x, 1e-5)), layer.Conv{Out: 5, Kernel: 1, NoBias: true})
	x = f.ReLU(f.BatchNorm("norm5", t.AvgPool2d(x, kernel.Pool2d{Kernel: 2, Stride: 2}), 1e-5))
	return b.Head().Linear("classifier", b.Features("pre_logits", b.GlobalAvgPool2d(x)), 3)
}

// unet is one level of a diffusion network: a residual block with a time embedding and a cross-attention. It has no head.
func unet(b *layer.Builder, in map[string]*layer.Node) *layer.Node {
	const c, h, w = 6, 4, 6
	x := b.Conv2d("conv_in", in["image"], layer.Conv{Out: c, Kernel: 3, Pad: 1})
	x = b.Block("down_blocks.0", x, func(b *layer.Builder, x *layer.Node) *layer.Node {
		r := b.Sub("resnets.0")
		y := r.Conv2d("conv1", r.SiLU(r.GroupNorm("norm1", x, 2, 1e-5)), layer.Conv{Out: c, Kernel: 3, Pad: 1})
		t := r.Linear("time_emb_proj", in["time"], c)
		y = r.Add(y, r.Reshape(t, batch, c, 1, 1))
		y = r.Conv2d("conv2", r.SiLU(r.GroupNorm("norm2", y, 3, 1e-5)), layer.Conv{Out: c, Kernel: 3, Pad: 1})
		x = r.Add(x, y)

		a := b.Sub("attentions.0")
		y = a.Conv2d("proj_in", a.GroupNorm("norm", x, 2, 1e-6), layer.Conv{Out: c, Kernel: 1})
		y = a.Permute(a.Reshape(y, batch, c, h*w), 0, 2, 1)
		m := a.Sub("transformer_blocks.0").OnGrid(h, w)
		read := m.LayerNorm("norm2", y, 1e-5)
		q := m.Linear("attn2.to_q", read, c, layer.NoBias)
		k := m.Linear("attn2.to_k", in["context"], c, layer.NoBias)
		v := m.Linear("attn2.to_v", in["context"], c, layer.NoBias)
		y = m.Add(y, m.Branch("attn2", y, read, m.Linear("attn2.to_out.0", m.Attention("attn2.heads", q, k, v, 2, false), c)))
		y = a.Conv2d("proj_out", a.Reshape(a.Permute(y, 0, 2, 1), batch, c, h, w), layer.Conv{Out: c, Kernel: 1})
		return a.Add(x, y)
	})
	return b.Conv2d("conv_out", b.SiLU(b.GroupNorm("conv_norm_out", x, 2, 1e-5)), layer.Conv{Out: 4, Kernel: 3, Pad: 1})
}
