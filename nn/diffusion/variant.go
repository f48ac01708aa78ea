package diffusion

import (
	"fmt"
	"strings"

	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/model"
)

// Variant is a size of text-to-image model.
type Variant struct {
	Name       string
	Doc        string
	Levels     int   // of the codec: latents have 1/2^Levels of the image's side
	Widths     []int // of the U-Net's levels
	Layers     int   // residual blocks a level
	AttendFrom int   // first level that attends to the text
	Heads      int
	Groups     int // of the group norms
	TextWidth  int
	TextLayers int
	TextHeads  int
}

// variants are the rows of the registry, smallest first.
var variants = []Variant{
	{Name: "unet_micro", Doc: "two levels on 16 x 16 latents of 64-pixel images: minutes on two cores",
		Levels: 2, Widths: []int{32, 64}, Layers: 1, AttendFrom: 1, Heads: 4, Groups: 8, TextWidth: 64, TextLayers: 2, TextHeads: 4},
	{Name: "unet_small", Doc: "twice as wide, two residual blocks a level",
		Levels: 2, Widths: []int{64, 128}, Layers: 2, AttendFrom: 0, Heads: 4, Groups: 16, TextWidth: 128, TextLayers: 4, TextHeads: 4},
}

// Variants lists the names of the registry.
func Variants() []string {
	var names []string
	for _, v := range variants {
		names = append(names, v.Name)
	}
	return names
}

// Lookup finds a variant; an unknown name is an error that lists the names there are.
func Lookup(name string) (Variant, error) {
	for _, v := range variants {
		if v.Name == name {
			return v, nil
		}
	}
	return Variant{}, fmt.Errorf("diffusion model %q is not known; there are %s", name, strings.Join(Variants(), ", "))
}

// New makes an untrained model for images of size pixels in the codec's latents, with captions over vocab tokens;
// empty is the empty one. Weights start from seed.
func (v Variant) New(size int, codec *HaarCodec, vocab int, empty []int32, seed uint64) (*Model, error) {
	schedule, err := NewSchedule(DefaultSchedule())
	if err != nil {
		return nil, err
	}
	channels, side := codec.Latent(size)
	m := &Model{
		Size:     size,
		UNet:     model.NewUNet(side, channels, v.Widths, v.Layers, v.AttendFrom, v.TextWidth, v.Heads, v.Groups),
		Text:     model.NewCLIPText(vocab, len(empty), v.TextWidth, v.TextLayers, v.TextHeads),
		Schedule: schedule, Codec: codec, Weights: layer.NewWeights(seed), Empty: empty,
	}
	if err := m.Validate(); err != nil {
		return nil, fmt.Errorf("%s: %w", v.Name, err)
	}
	return m, nil
}
