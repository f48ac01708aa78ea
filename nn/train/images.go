package train

import (
	"fmt"
	"slices"

	"github.com/pipe-ml/pipe/accel/rng"
	"github.com/pipe-ml/pipe/nn/augment"
	"github.com/pipe-ml/pipe/nn/model"
)

// Images are labelled square 8-bit images in memory.
type Images struct {
	Size, Channels int
	Pixels         []byte  // [N, C, H, W]
	Labels         []int32 // [N]; negative: none
	// Targets are of images that have several labels [N, classes]: 1, 0, or -1 where it is not known. Nil: Labels tell.
	Targets []float32
}

// Len is the number of images.
func (s Images) Len() int { return len(s.Labels) }

// Validate refuses images that a network with input in cannot read. Channels may differ: grey is repeated, colour averaged.
func (s Images) Validate(in model.Input) error {
	if s.Size != in.Size {
		return fmt.Errorf("the images have %d pixels a side, the network wants %d", s.Size, in.Size)
	}
	if s.Channels != in.Channels && s.Channels != 1 && in.Channels != 1 {
		return fmt.Errorf("the images have %d channels, the network wants %d", s.Channels, in.Channels)
	}
	if n := s.Len() * s.Channels * s.Size * s.Size; n != len(s.Pixels) {
		return fmt.Errorf("%d pixels are not %d images of %d x %d x %d", len(s.Pixels), s.Len(), s.Channels, s.Size, s.Size)
	}
	return nil
}

// labelled refuses labels and targets that are not of so many classes.
func (s Images) labelled(classes int) error {
	for i, label := range s.Labels {
		if int(label) >= classes {
			return fmt.Errorf("image %d has label %d of %d classes", i, label, classes)
		}
	}
	if s.Targets != nil && len(s.Targets) != s.Len()*classes {
		return fmt.Errorf("%d targets are not those of %d images and %d classes", len(s.Targets), s.Len(), classes)
	}
	return nil
}

// Normalise writes image i to dst [C, H, W] as in wants it: (x/255 - mean) / std per channel, at the
// placement p.
func (s Images) Normalise(dst []float32, i int, in model.Input, p Placement) {
	area := s.Size * s.Size
	image := s.Pixels[i*s.Channels*area:][:s.Channels*area]
	for c := range in.Channels {
		from := image[min(c, s.Channels-1)*area:][:area]
		gain, offset := 1/(255*in.Std[c]), in.Mean[c]/in.Std[c]
		for y := range s.Size {
			for x := range s.Size {
				sx, sy := p.source(x, y, s.Size)
				v := float32(from[sy*s.Size+sx])
				if in.Channels == 1 && s.Channels > 1 {
					v = s.grey(image, sy*s.Size+sx)
				}
				dst[c*area+y*s.Size+x] = float32(v*gain) - offset
			}
		}
	}
}

// grey is the mean over the channels of a pixel.
func (s Images) grey(image []byte, at int) float32 {
	sum := 0
	for c := range s.Channels {
		sum += int(image[c*s.Size*s.Size+at])
	}
	return float32(sum) / float32(s.Channels)
}

// Augment is the random change of training images.
type Augment struct {
	Shift  int  // pixels at most, each way; the border is repeated
	Flip   bool // left to right, half the time
	Policy augment.Policy
	Mix    augment.Mix // of a batch
}

// example writes image i as in wants it to dst, changed as the position of training says.
func (a Augment) example(dst []float32, s Images, i int, in model.Input, seed uint64, position int) {
	if a.Policy.ChangesBytes() {
		n := s.Channels * s.Size * s.Size
		own := augment.Image{Channels: s.Channels, Height: s.Size, Width: s.Size, Pixels: slices.Clone(s.Pixels[i*n : (i+1)*n])}
		a.Policy.Apply(own, seed, position)
		s.Pixels, i = own.Pixels, 0
	}
	s.Normalise(dst, i, in, a.Draw(seed, position))
	a.Policy.Erase(dst, in.Size, in.Size, seed, position)
}

// Placement is one drawn change. The zero value changes nothing.
type Placement struct {
	DX, DY int
	Flip   bool
}

// Draw is the placement of the example at a position of training, drawn from (seed, position).
func (a Augment) Draw(seed uint64, position int) (p Placement) {
	if a.Shift == 0 && !a.Flip {
		return p
	}
	r := rng.New(seed, fmt.Sprintf("augment/%d", position))
	p.DX, p.DY = r.Intn(2*a.Shift+1)-a.Shift, r.Intn(2*a.Shift+1)-a.Shift
	p.Flip = a.Flip && r.Intn(2) == 1
	return p
}

// source is the pixel that lands on (x, y).
func (p Placement) source(x, y, size int) (sx, sy int) {
	if p.Flip {
		x = size - 1 - x
	}
	return min(max(x+p.DX, 0), size-1), min(max(y+p.DY, 0), size-1)
}
