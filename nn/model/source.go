package model

import "strings"

// Source is where the names of a variant's parameters come from, and where weights of it are published.
type Source struct {
	Library string // whose names they are
	Weights string // an address of the Hub, or which file
}

// untrained is the source of the variants that nobody publishes.
var untrained = Source{"pipe", `none: stage "pretrain" trains it`}

// Source tells it of the variant. Addresses are examples: timm publishes weights of one network under several tags.
func (v Variant) Source() Source {
	switch name := v.Name; {
	case strings.HasPrefix(name, "vit_") && tags[name] != "":
		return Source{"timm", "hf://timm/" + strings.Replace(name, "_quickgelu", "", 1) + "." + tags[name]}
	case strings.HasPrefix(name, "vit_") && strings.Contains(name, "."):
		return Source{"timm", "hf://timm/" + name}
	case tags[name] != "":
		return Source{"torchvision, timm", "hf://timm/" + name + "." + tags[name] + ", or torchvision's file converted to safetensors"}
	case name == "vit_large_patch14_224":
		return Source{"timm", "none are published"}
	case name == "densenet121-res224-all":
		return Source{"torchxrayvision", "its file converted to safetensors"}
	case name == "inception_v3_fid":
		return Source{"pytorch-fid", "pt_inception-2015-12-05 converted to safetensors"}
	case name == "mobilenet_v1_224", name == "mobilenet_v1_trunk_224":
		return Source{"Keras", "TensorFlow.js: model.json and its shards"}
	}
	return untrained
}

// tags are those of weights that timm publishes.
var tags = map[string]string{
	"vit_tiny_patch16_224": "augreg_in21k_ft_in1k", "vit_small_patch32_224": "augreg_in21k_ft_in1k", "vit_small_patch16_224": "augreg_in21k_ft_in1k",
	"vit_base_patch32_224": "augreg_in21k_ft_in1k", "vit_base_patch16_224": "augreg_in21k_ft_in1k", "vit_base_patch8_224": "augreg_in21k_ft_in1k",
	"vit_large_patch32_224": "orig_in21k", "vit_large_patch16_224": "augreg_in21k_ft_in1k",

	"vit_small_patch14_dinov2": "lvd142m", "vit_base_patch14_dinov2": "lvd142m", "vit_large_patch14_dinov2": "lvd142m",
	"vit_small_patch14_reg4_dinov2": "lvd142m", "vit_base_patch14_reg4_dinov2": "lvd142m",

	"vit_base_patch32_clip_224": "laion2b", "vit_base_patch16_clip_224": "laion2b",
	"vit_base_patch32_clip_quickgelu_224": "openai", "vit_base_patch16_clip_quickgelu_224": "openai", "vit_large_patch14_clip_quickgelu_224": "openai",

	"resnet18": "a1_in1k", "resnet34": "a1_in1k", "resnet50": "a1_in1k", "resnet101": "a1_in1k", "resnet152": "a1_in1k", "densenet121": "ra_in1k",
}
