package stages

import (
	"github.com/pipe-ml/pipe/nn/diffusion"
	"github.com/pipe-ml/pipe/nn/model"
)

// Model describes a network that is known by name.
type Model struct {
	Name       string `json:"name"`
	Kind       string `json:"kind"`
	Parameters int    `json:"parameters,omitempty"` // of the body; 0: they depend on the data
	Size       int    `json:"size,omitempty"`       // pixels a side
	Channels   int    `json:"channels,omitempty"`
	Library    string `json:"library"` // whose names its parameters have
	Weights    string `json:"weights"` // where they are published
	Doc        string `json:"doc"`
}

// Models lists the networks: classifiers by name, then text-to-image models.
func Models() []Model {
	var out []Model
	for _, name := range model.Names() {
		v, err := model.Lookup(name)
		if err != nil {
			continue // Names lists what Lookup finds
		}
		out = append(out, Model{v.Name, string(v.Kind), v.Params, v.Input.Size, v.Input.Channels, v.Source.Library, v.Source.Weights, v.Doc})
	}
	for _, name := range diffusion.Variants() {
		v, err := diffusion.Lookup(name)
		if err != nil {
			continue
		}
		out = append(out, Model{Name: v.Name, Kind: string(model.Diffusion), Library: "diffusers", Weights: `none: stage "pretrain" trains it`, Doc: v.Doc})
	}
	return append(out,
		Model{"Stable Diffusion 1.x", string(model.Diffusion), 859_520_964, 512, 3, "diffusers", "hf://stable-diffusion-v1-5/stable-diffusion-v1-5", "its folder tells what it is; parameters of the U-Net"},
		Model{"Stable Diffusion 2.x", string(model.Diffusion), 865_910_724, 768, 3, "diffusers", "a folder as diffusers lays it out", "its folder tells what it is; parameters of the U-Net"})
}
