package peft_test

import (
	"errors"
	"testing"

	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/peft"
)

// TestOptionsThatDoNotFitANetworkAreNamed: the error is the option's and says what fits.
func TestOptionsThatDoNotFitANetworkAreNamed(t *testing.T) {
	vit, resnet, unet := backbones[0], backbones[1], backbones[2]
	for _, c := range []struct {
		on             backbone
		method         string
		config         map[string]any
		option, reason string
	}{
		{vit, "kadaptation", nil, "division", "blocks.0.attn.qkv.q is 12 x 12, which 32 does not divide: 12 divides all targets"},
		{vit, "kadaptation", map[string]any{"division": 5}, "division", "blocks.0.attn.qkv.q is 12 x 12, which 5 does not divide: 4 divides all targets"},
		{vit, "kadaptation", map[string]any{"division": 5, "targets": []any{"q", "fc1"}}, "division", "blocks.0.attn.qkv.q is 12 x 12, which 5 does not divide: 4 divides all targets"},
		{unet, "compacter", nil, "division", "4 does not divide both the bottleneck, 24, and the width of down_blocks.0.attentions.0.transformer_blocks.0.attn2, 6: 3 divides this and all widths"},
		{resnet, "lite_residual", map[string]any{"groups": 3}, "groups", "3 do not divide the 4 channels of layer1.0.residual: 2 divide those of all"},
		{resnet, "lite_residual", map[string]any{"kernel": 5, "expand": 64, "groups": 1}, "expand", ""},
		{resnet, "lora", map[string]any{"dropout": .5}, "dropout", ""},
		{vit, "vera", map[string]any{"targets": []any{"qq"}}, "targets", `target "qq" matches nothing; did you mean "q"?`},
		{vit, "lora", map[string]any{"rank_pattern": map[string]any{"k": 2}}, "rank_pattern", ""},
		{vit, "dora", map[string]any{"alpha_pattern": map[string]any{"k": 2}}, "alpha_pattern", ""},
		{vit, "lora", map[string]any{"rank_pattern": map[string]any{"q": 1.5}}, "rank_pattern", `"q": 1.5 is not a rank`},
	} {
		_, err := peft.Prepare(c.on.model(nil, nil), layer.NewWeights(0), peft.Options{Method: c.method, Config: c.config})
		var o *peft.OptionError
		if !errors.As(err, &o) || o.Option != c.option || c.reason != "" && o.Message != c.reason {
			t.Errorf("%s on %s with %v: %v", c.method, c.on.name, c.config, err)
		}
	}
}
