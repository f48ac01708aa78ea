package peft_test

// The rows of the methods that select parameters or add some beside the weights.
func init() {
	rows = append(rows,
		row{"batch_norm", "", nil, map[string]int{"vit": -1, "resnet": 60, "unet": -1, "densenet": 90, "clip": -1}},
		row{"batch_norm", "frozen", map[string]any{"statistics": "frozen"}, map[string]int{"vit": -1, "resnet": 60, "unet": -1, "densenet": 90, "clip": -1}},
		row{"layer_norm", "", nil, map[string]int{"vit": 120, "resnet": -1, "unet": 12, "densenet": -1, "clip": 120}},
		row{"group_norm", "", nil, map[string]int{"vit": -1, "resnet": -1, "unet": 48, "densenet": -1, "clip": -1}},
		row{"attention", "", nil, map[string]int{"vit": 1332, "resnet": -1, "unet": 138, "densenet": -1, "clip": 1248}},
		row{"attention", "projections", map[string]any{"positions": false}, map[string]int{"vit": 1248, "resnet": -1, "unet": 138, "densenet": -1, "clip": 1248}},
		row{"attention_blocks", "", nil, map[string]int{"vit": -1, "resnet": -1, "unet": 246, "densenet": -1, "clip": -1}},
		row{"norm_bias", "", nil, map[string]int{"vit": 292, "resnet": -1, "unet": 106, "densenet": -1, "clip": 336}},
		row{"norm_bias_attention", "", nil, map[string]int{"vit": 1444, "resnet": -1, "unet": 310, "densenet": -1, "clip": 1488}},
		row{"adapter", "", map[string]any{"bottleneck": 3}, map[string]int{"vit": 348, "resnet": -1, "unet": 45, "densenet": -1, "clip": 348}},
		row{"adapter", "pfeiffer", map[string]any{"bottleneck": 3, "style": "pfeiffer"}, map[string]int{"vit": 174, "resnet": -1, "unet": -1, "densenet": -1, "clip": 174}},
		row{"compacter", "", map[string]any{"bottleneck": 9, "division": 3}, map[string]int{"vit": 279, "resnet": -1, "unet": 72, "densenet": -1, "clip": 279}},
		row{"compacter", "plus", map[string]any{"bottleneck": 6, "division": 2, "attention": false}, map[string]int{"vit": 116, "resnet": -1, "unet": -1, "densenet": -1, "clip": 116}},
		row{"prefix", "", map[string]any{"tokens": 2}, map[string]int{"vit": 96, "resnet": -1, "unet": 24, "densenet": -1, "clip": 96}},
		row{"convpass", "", map[string]any{"bottleneck": 3, "scale": 0.5}, map[string]int{"vit": 684, "dinov2": 684, "resnet": -1, "unet": 129, "densenet": -1, "clip": -1}},
		row{"convpass", "xavier", map[string]any{"bottleneck": 3, "conv_init": "xavier"}, map[string]int{"vit": 684, "resnet": -1, "unet": 129, "densenet": -1, "clip": -1}},
		row{"ia3", "", nil, map[string]int{"vit": 88, "resnet": -1, "unet": 12, "densenet": -1, "clip": 144}},
		row{"difffit", "", nil, map[string]int{"vit": 436, "dinov2": 492, "resnet": -1, "unet": 136, "densenet": -1, "clip": 480}},
		row{"lite_residual", "", map[string]any{"kernel": 3}, map[string]int{"vit": -1, "resnet": 420, "unet": -1, "densenet": 544, "clip": -1}},
	)
}
