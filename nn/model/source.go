package model

// Source is where the names of a variant's parameters come from, and where weights of it are published.
type Source struct {
	Library string // whose names they are
	Weights string // an address of the Hub, or which file; one of many, where timm publishes weights of a network under several tags
}

// untrained is the source of the variants that nobody publishes.
var untrained = Source{"pipe", `none: stage "pretrain" trains it`}

// timm is the source of what timm publishes as ARCHITECTURE.TAG.
func timm(name string) Source { return Source{"timm", "hf://timm/" + name} }

// torchvision is the source of what torchvision publishes, and timm under the same keys.
func torchvision(name string) Source {
	return Source{"torchvision, timm", "hf://timm/" + name + ", or torchvision's file converted to safetensors"}
}
