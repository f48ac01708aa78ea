package peft_test

// The rows of the methods that change weights.
func init() {
	rows = append(rows,
		row{"fact_tt", "", map[string]any{"rank": 2, "scale": 1.5}, map[string]int{"vit": -1, "resnet": -1, "unet": -1, "vit24": 112, "sd": -1, "densenet": -1, "clip": 144}},
		row{"fact_tk", "", map[string]any{"rank": 2, "scale": 1.5}, map[string]int{"vit": -1, "resnet": -1, "unet": -1, "vit24": 88, "sd": -1, "densenet": -1, "clip": 104}},
		row{"krona", "", map[string]any{"factor": 4, "scale": 0.5}, map[string]int{"vit": 100, "resnet": -1, "unet": 26, "densenet": -1, "clip": 100}},
		row{"kadaptation", "", map[string]any{"division": 3, "rank": 2, "scale": 160}, map[string]int{"vit": 228, "resnet": -1, "unet": -1, "densenet": -1, "clip": 228}},
		row{"kadaptation", "to_out", map[string]any{"division": 2, "scale": 4000, "targets": []string{"to_out.0"}}, map[string]int{"vit": -1, "resnet": -1, "unet": 20, "densenet": -1, "clip": -1}},
		row{"vera", "", map[string]any{"rank": 5}, map[string]int{"vit": 68, "resnet": -1, "unet": 22, "densenet": -1, "clip": 68}},
		row{"vera", "whole", map[string]any{"rank": 5, "targets": []string{"attn.qkv", "fc1"}}, map[string]int{"vit": 132, "resnet": -1, "unet": -1, "densenet": -1, "clip": -1}},
		row{"svdiff", "", map[string]any{"scale": 1.5}, map[string]int{"vit": 113, "resnet": 34, "unet": 67, "sd": 501, "densenet": 34, "clip": 149}},
		row{"tsa", "", nil, map[string]int{"vit": -1, "resnet": 128, "unet": -1, "sd": 544, "densenet": -1, "clip": -1}},
		row{"tsa", "alone", map[string]any{"alignment": false}, map[string]int{"vit": -1, "resnet": 92, "unet": -1, "densenet": -1, "clip": -1}},
	)
}
