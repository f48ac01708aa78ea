package artifact

import (
	"fmt"

	"github.com/pipe-ml/pipe/nn/model"
)

// transformersConfig is what tells a network of transformers by its config.json.
type transformersConfig struct {
	ModelType  string              `json:"model_type"`
	HiddenSize int                 `json:"hidden_size"`
	PatchSize  int                 `json:"patch_size"`
	Vision     *transformersConfig `json:"vision_config"` // of CLIP as a whole
}

// refused says where the same network is under names that are read. transformers splits qkv, and its ViT has another epsilon.
func (c transformersConfig) refused() error {
	at := "hf://timm/NAME"
	if v, err := model.Lookup(c.timm()); err == nil {
		at = fmt.Sprintf("model = %q, architecture = %q", v.Source.Weights, v.Name)
	}
	return fmt.Errorf("it is transformers' %s, whose weights have other names than timm's (separate query, key and value): give the network as timm publishes it, %s; "+
		"pipe docs models lists them", c.ModelType, at)
}

// timm is what timm would call the network; nothing is called so if it has another size or is of another kind.
func (c transformersConfig) timm() string {
	if c.ModelType == "clip" && c.Vision != nil {
		vision := *c.Vision
		vision.ModelType = "clip_vision_model"
		return vision.timm()
	}
	form := map[string]string{
		"vit": "vit_%s_patch%d_224", "dinov2": "vit_%s_patch%d_dinov2", "dinov2_with_registers": "vit_%s_patch%d_reg4_dinov2",
		"clip_vision_model": "vit_%s_patch%d_clip_quickgelu_224",
	}[c.ModelType]
	if form == "" {
		return ""
	}
	return fmt.Sprintf(form, map[int]string{192: "tiny", 384: "small", 768: "base", 1024: "large"}[c.HiddenSize], c.PatchSize)
}
