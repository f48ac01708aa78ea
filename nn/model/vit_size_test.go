package model

import "testing"

// TestViTsOfNoSizeAreRefused: a size that divides by nothing is an error and no panic.
func TestViTsOfNoSizeAreRefused(t *testing.T) {
	for _, c := range []ViTConfig{{EmbedDim: 12, NumHeads: 3}, {PatchSize: 4, EmbedDim: 12}, {PatchSize: 4, EmbedDim: 12, NumHeads: 5}} {
		if _, err := NewViT(c, Input{Size: 8, Channels: 1}); err == nil {
			t.Errorf("%+v is accepted", c)
		}
	}
}
