package model

import (
	_ "embed"
	"encoding/json"
	"fmt"
)

//go:embed testdata/stable_diffusion_v1_5_unet.json
var stableDiffusionUNet []byte

// StableDiffusion is the U-Net of Stable Diffusion 1.5 by its published config.json.
func StableDiffusion() (*UNet, error) {
	m := new(UNet)
	if err := json.Unmarshal(stableDiffusionUNet, m); err != nil {
		return nil, fmt.Errorf("stable diffusion's u-net: %w", err)
	}
	return m, nil
}
