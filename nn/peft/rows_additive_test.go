package peft_test

// The rows of the methods that select parameters or add some beside the weights.
func init() {
	rows = append(rows,
		row{"batch_norm", "", nil, map[string]int{"vit": -1, "resnet": 60, "unet": -1}},
		row{"batch_norm", "frozen", map[string]any{"statistics": "frozen"}, map[string]int{"vit": -1, "resnet": 60, "unet": -1}},
		row{"layer_norm", "", nil, map[string]int{"vit": 120, "resnet": -1, "unet": 12}},
		row{"group_norm", "", nil, map[string]int{"vit": -1, "resnet": -1, "unet": 48}},
		row{"attention", "", nil, map[string]int{"vit": 1332, "resnet": -1, "unet": 138}},
		row{"attention", "projections", map[string]any{"positions": false}, map[string]int{"vit": 1248, "resnet": -1, "unet": 138}},
		row{"attention_blocks", "", nil, map[string]int{"vit": -1, "resnet": -1, "unet": 246}},
		row{"norm_bias", "", nil, map[string]int{"vit": 292, "resnet": -1, "unet": 106}},
		row{"norm_bias_attention", "", nil, map[string]int{"vit": 1444, "resnet": -1, "unet": 310}},
		row{"adapter", "", map[string]any{"bottleneck": 3}, map[string]int{"vit": 348, "resnet": -1, "unet": 45}},
		row{"adapter", "pfeiffer", map[string]any{"bottleneck": 3, "style": "pfeiffer"}, map[string]int{"vit": 174, "resnet": -1, "unet": -1}},
		row{"compacter", "", map[string]any{"bottleneck": 9, "division": 3}, map[string]int{"vit": 279, "resnet": -1, "unet": 72}},
		row{"compacter", "plus", map[string]any{"bottleneck": 6, "division": 2, "attention": false}, map[string]int{"vit": 116, "resnet": -1, "unet": -1}},
		row{"prefix", "", map[string]any{"tokens": 2}, map[string]int{"vit": 96, "resnet": -1, "unet": 24}},
		row{"convpass", "", map[string]any{"bottleneck": 3, "scale": 0.5}, map[string]int{"vit": 684, "resnet": -1, "unet": 129}},
		row{"convpass", "xavier", map[string]any{"bottleneck": 3, "conv_init": "xavier"}, map[string]int{"vit": 684, "resnet": -1, "unet": 129}},
		row{"ia3", "", nil, map[string]int{"vit": 88, "resnet": -1, "unet": 12}},
		row{"difffit", "", nil, map[string]int{"vit": 436, "resnet": -1, "unet": 136}},
		row{"lite_residual", "", nil, map[string]int{"vit": -1, "resnet": 420, "unet": -1}},
	)
}
