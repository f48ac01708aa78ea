package augment

import (
	"math"

	"github.com/pipe-ml/pipe/accel/rng"
)

// greatest is the greatest magnitude of RandAugment.
const greatest = 30

// operation is one of RandAugment's, at a magnitude from 0 to the greatest; that of a signed one may be negative.
type operation struct {
	name   string
	signed bool
	apply  func(m Image, magnitude int)
}

// strength is magnitude's share of most, by the float32 operations of torch.linspace: a bit less, and a pixel is cut to
// the next lower value.
func strength(magnitude int, most float64) float64 {
	if magnitude < 0 {
		return -strength(-magnitude, most)
	}
	step := float32(most) / greatest
	if 2*magnitude <= greatest {
		return float64(step * float32(magnitude))
	}
	return float64(float32(most) - float32(step*float32(greatest-magnitude)))
}

// farthest is how far RandAugment moves a picture at most, as a share of its edge.
const farthest = 150.0 / 331

// operations are those of torchvision's RandAugment, in its order.
var operations = []operation{
	{"Identity", false, func(Image, int) {}},
	{"ShearX", true, func(m Image, magnitude int) { m.ShearX(strength(magnitude, 0.3)) }},
	{"ShearY", true, func(m Image, magnitude int) { m.ShearY(strength(magnitude, 0.3)) }},
	{"TranslateX", true, func(m Image, magnitude int) { m.Translate(int(strength(magnitude, farthest*float64(m.Width))), 0) }},
	{"TranslateY", true, func(m Image, magnitude int) { m.Translate(0, int(strength(magnitude, farthest*float64(m.Height)))) }},
	{"Rotate", true, func(m Image, magnitude int) { m.Rotate(strength(magnitude, 30)) }},
	{"Brightness", true, func(m Image, magnitude int) { m.Brightness(1 + strength(magnitude, 0.9)) }},
	{"Color", true, func(m Image, magnitude int) { m.Saturation(1 + strength(magnitude, 0.9)) }},
	{"Contrast", true, func(m Image, magnitude int) { m.Contrast(1 + strength(magnitude, 0.9)) }},
	{"Sharpness", true, func(m Image, magnitude int) { m.Sharpness(1 + strength(magnitude, 0.9)) }},
	{"Posterize", false, func(m Image, magnitude int) { m.Posterize(8 - int(math.RoundToEven(4*float64(magnitude)/greatest))) }},
	{"Solarize", false, func(m Image, magnitude int) { m.Solarize(strength(greatest-magnitude, 255)) }},
	{"AutoContrast", false, func(m Image, _ int) { m.AutoContrast() }},
	{"Equalize", false, func(m Image, _ int) { m.Equalize() }},
}

// RandAugment applies n operations of torchvision's RandAugment, drawn with replacement, at a magnitude from 0 to 30.
func (m Image) RandAugment(r *rng.Stream, n, magnitude int) {
	for range n {
		op := operations[r.Intn(len(operations))]
		by := magnitude
		if op.signed && r.Intn(2) == 1 {
			by = -by
		}
		op.apply(m, by)
	}
}
