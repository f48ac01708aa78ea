package model

import "cmp"

// The rows of ViT. Names are timm's, with the tag of the weights where they want other images or another head than the
// architecture's first ones.
func init() {
	type config = ViTConfig
	row := func(name string, from Source, params int, in Input, c config, doc string) Variant {
		return Variant{Name: name, Kind: Transformer, Params: params, Input: in, Doc: doc, Source: from,
			make: func(in Input, classes int, pool string) (Classifier, error) {
				c := c
				c.NumClasses, c.GlobalPool = classes, cmp.Or(pool, c.GlobalPool)
				return NewViT(c, in)
			}}
	}
	micro := func(c config) config { c.EmbedDim, c.Depth, c.NumHeads = 96, 6, 3; return c }
	tiny := func(c config) config { c.EmbedDim, c.Depth, c.NumHeads = 192, 12, 3; return c }
	small := func(c config) config { c.EmbedDim, c.Depth, c.NumHeads = 384, 12, 6; return c }
	base := func(c config) config { c.EmbedDim, c.Depth, c.NumHeads = 768, 12, 12; return c }
	large := func(c config) config { c.EmbedDim, c.Depth, c.NumHeads = 1024, 24, 16; return c }
	patch := func(n int) config { return config{PatchSize: n} }
	clip := func(n int, act string) config {
		return config{PatchSize: n, PreNorm: true, NormEps: 1e-5, ActLayer: act}
	}
	dinov2 := config{PatchSize: 14, InitValues: 1e-5}
	registers := config{PatchSize: 14, InitValues: 1e-5, RegTokens: 4, NoEmbedClass: true}

	half := input(224, 3)
	photos := imageNet
	fine := imageNet
	fine.Size = 518
	pairs := Input{Size: 224, Channels: 3, Mean: []float32{0.48145466, 0.4578275, 0.40821073}, Std: []float32{0.26862954, 0.26130258, 0.27577711}}

	register(
		row("vit_micro_patch16_64", untrained, 697_632, input(64, 1), micro(patch(16)), "six narrow blocks on 16 patches: for quick studies"),
		row("vit_micro_patch8_64", untrained, 683_808, input(64, 1), micro(patch(8)), "six narrow blocks on 64 patches"),
		row("vit_micro_convstem_64", untrained, 808_392, input(64, 1), micro(config{PatchSize: 16, ConvStem: []int{24, 48, 96}}),
			"six narrow blocks on 16 positions of a convolutional stem: learns from few images"),
		row("vit_tiny_patch8_64", untrained, 5_363_904, input(64, 1), tiny(patch(8)), "ViT-Ti at 64 pixels"),

		row("vit_tiny_patch16_224", timm("vit_tiny_patch16_224.augreg_in21k_ft_in1k"), 5_524_416, half, tiny(patch(16)), "timm's ViT-Ti"),
		row("vit_small_patch32_224", timm("vit_small_patch32_224.augreg_in21k_ft_in1k"), 22_493_952, half, small(patch(32)), "timm's ViT-S"),
		row("vit_small_patch16_224", timm("vit_small_patch16_224.augreg_in21k_ft_in1k"), 21_665_664, half, small(patch(16)), "timm's ViT-S"),
		row("vit_base_patch32_224", timm("vit_base_patch32_224.augreg_in21k_ft_in1k"), 87_455_232, half, base(patch(32)), "timm's ViT-B"),
		row("vit_base_patch16_224", timm("vit_base_patch16_224.augreg_in21k_ft_in1k"), 85_798_656, half, base(patch(16)), "timm's ViT-B"),
		row("vit_base_patch8_224", timm("vit_base_patch8_224.augreg_in21k_ft_in1k"), 85_807_872, half, base(patch(8)), "timm's ViT-B"),
		row("vit_large_patch32_224", timm("vit_large_patch32_224.orig_in21k"), 305_510_400, half, large(patch(32)), "timm's ViT-L"),
		row("vit_large_patch16_224", timm("vit_large_patch16_224.augreg_in21k_ft_in1k"), 303_301_632, half, large(patch(16)), "timm's ViT-L"),
		row("vit_large_patch14_224", Source{"timm", "none are published"}, 303_178_752, half, large(patch(14)), "timm's ViT-L"),

		row("vit_small_patch16_224.dino", timm("vit_small_patch16_224.dino"), 21_665_664, photos, small(patch(16)), "trained without labels (DINO, arXiv:2104.14294)"),
		row("vit_small_patch8_224.dino", timm("vit_small_patch8_224.dino"), 21_670_272, photos, small(patch(8)), "trained without labels (DINO)"),
		row("vit_base_patch16_224.dino", timm("vit_base_patch16_224.dino"), 85_798_656, photos, base(patch(16)), "trained without labels (DINO)"),
		row("vit_base_patch8_224.dino", timm("vit_base_patch8_224.dino"), 85_807_872, photos, base(patch(8)), "trained without labels (DINO)"),
		row("vit_base_patch16_224.mae", timm("vit_base_patch16_224.mae"), 85_798_656, photos, base(patch(16)), "trained to fill in patches (MAE, arXiv:2111.06377)"),
		row("vit_large_patch16_224.mae", timm("vit_large_patch16_224.mae"), 303_301_632, photos, large(patch(16)), "trained to fill in patches (MAE)"),

		row("vit_small_patch14_dinov2", timm("vit_small_patch14_dinov2.lvd142m"), 22_056_192, fine, small(dinov2), "trained without labels (DINOv2)"),
		row("vit_base_patch14_dinov2", timm("vit_base_patch14_dinov2.lvd142m"), 86_579_712, fine, base(dinov2), "trained without labels (DINOv2)"),
		row("vit_large_patch14_dinov2", timm("vit_large_patch14_dinov2.lvd142m"), 304_367_616, fine, large(dinov2), "trained without labels (DINOv2)"),
		row("vit_small_patch14_reg4_dinov2", timm("vit_small_patch14_reg4_dinov2.lvd142m"), 22_057_344, fine, small(registers), "DINOv2 with registers"),
		row("vit_base_patch14_reg4_dinov2", timm("vit_base_patch14_reg4_dinov2.lvd142m"), 86_582_016, fine, base(registers), "DINOv2 with registers"),

		row("vit_base_patch32_clip_224", timm("vit_base_patch32_clip_224.laion2b"), 87_456_000, pairs, base(clip(32, "gelu")), "CLIP's image encoder, as LAION trained it"),
		row("vit_base_patch16_clip_224", timm("vit_base_patch16_clip_224.laion2b"), 85_799_424, pairs, base(clip(16, "gelu")), "CLIP's image encoder, as LAION trained it"),
		row("vit_base_patch32_clip_quickgelu_224", timm("vit_base_patch32_clip_224.openai"), 87_456_000, pairs, base(clip(32, "quick_gelu")), "CLIP's image encoder, as OpenAI trained it"),
		row("vit_base_patch16_clip_quickgelu_224", timm("vit_base_patch16_clip_224.openai"), 85_799_424, pairs, base(clip(16, "quick_gelu")), "CLIP's image encoder, as OpenAI trained it"),
		row("vit_large_patch14_clip_quickgelu_224", timm("vit_large_patch14_clip_224.openai"), 303_179_776, pairs, large(clip(14, "quick_gelu")), "CLIP's image encoder, as OpenAI trained it"),
	)
}
