package augment

import (
	"math"

	"github.com/pipe-ml/pipe/accel/rng"
)

// bins is the number of magnitudes of RandAugment, from 0.
const bins = 31

// operation is one of RandAugment's, at level 0 to 1 of its strength; a signed one may go either way.
type operation struct {
	name   string
	signed bool
	apply  func(m Image, level float64)
}

// farthest is how far RandAugment moves a picture at most, as a share of its edge.
const farthest = 150.0 / 331

// operations are those of torchvision's RandAugment, in its order.
var operations = []operation{
	{"Identity", false, func(Image, float64) {}},
	{"ShearX", true, func(m Image, level float64) { m.ShearX(0.3 * level) }},
	{"ShearY", true, func(m Image, level float64) { m.ShearY(0.3 * level) }},
	{"TranslateX", true, func(m Image, level float64) { m.Translate(int(farthest*float64(m.Width)*level), 0) }},
	{"TranslateY", true, func(m Image, level float64) { m.Translate(0, int(farthest*float64(m.Height)*level)) }},
	{"Rotate", true, func(m Image, level float64) { m.Rotate(30 * level) }},
	{"Brightness", true, func(m Image, level float64) { m.Brightness(1 + 0.9*level) }},
	{"Color", true, func(m Image, level float64) { m.Saturation(1 + 0.9*level) }},
	{"Contrast", true, func(m Image, level float64) { m.Contrast(1 + 0.9*level) }},
	{"Sharpness", true, func(m Image, level float64) { m.Sharpness(1 + 0.9*level) }},
	{"Posterize", false, func(m Image, level float64) { m.Posterize(8 - int(math.RoundToEven(4*level))) }},
	{"Solarize", false, func(m Image, level float64) { m.Solarize(255 * (1 - level)) }},
	{"AutoContrast", false, func(m Image, _ float64) { m.AutoContrast() }},
	{"Equalize", false, func(m Image, _ float64) { m.Equalize() }},
}

// RandAugment applies n operations of torchvision's RandAugment, drawn with replacement, at a magnitude from 0 to 30.
func (m Image) RandAugment(r *rng.Stream, n, magnitude int) {
	for range n {
		op := operations[r.Intn(len(operations))]
		level := float64(magnitude) / (bins - 1)
		if op.signed && r.Intn(2) == 1 {
			level = -level
		}
		op.apply(m, level)
	}
}
