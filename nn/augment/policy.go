package augment

import (
	"errors"
	"fmt"
	"math"

	"github.com/pipe-ml/pipe/accel/rng"
)

// Policy says which changes a training image undergoes: a random crop brought back to the picture's size, RandAugment or
// a colour jitter, all on bytes; and the erasing of a rectangle, after the normalisation. The zero value changes nothing.
type Policy struct {
	Scale [2]float64 // bounds of the crop's share of the area, torchvision's RandomResizedCrop; zero: no crop
	Ratio [2]float64 // bounds of its width by its height

	Operations int // of RandAugment, see there; 0: none
	Magnitude  int

	// Bounds of a factor about 1, of hue about 0: torchvision's ColorJitter.
	Brightness, Contrast, Saturation, Hue float64

	Erasing float64 // probability of timm's RandomErasing
}

// Validate refuses what no image can undergo.
func (p Policy) Validate() error {
	between := func(name string, v [2]float64, lo, hi float64) error {
		if v == [2]float64{} || lo < v[0] && v[0] <= v[1] && v[1] <= hi {
			return nil
		}
		return fmt.Errorf("%s from %v to %v: want bounds above %v, the lower one first, to at most %v", name, v[0], v[1], lo, hi)
	}
	share := func(name string, v, hi float64) error {
		if v >= 0 && v <= hi {
			return nil
		}
		return fmt.Errorf("%s %v is not from 0 to %v", name, v, hi)
	}
	err := errors.Join(
		between("scale", p.Scale, 0, 1), between("ratio", p.Ratio, 0, math.MaxFloat64), share("magnitude", float64(p.Magnitude), greatest),
		share("brightness", p.Brightness, 1), share("contrast", p.Contrast, 1), share("saturation", p.Saturation, 1), share("hue", p.Hue, 0.5),
		share("erasing", p.Erasing, 1), share("operations", float64(p.Operations), 10),
	)
	if p.Scale != [2]float64{} && p.Ratio == [2]float64{} {
		err = errors.Join(err, errors.New("a crop has bounds of its ratio too"))
	}
	return err
}

// ChangesBytes tells whether Apply does anything.
func (p Policy) ChangesBytes() bool {
	q := p
	q.Erasing, q.Ratio, q.Magnitude = 0, [2]float64{}, 0
	return q != Policy{}
}

// Apply changes the image at a position of training in place.
func (p Policy) Apply(m Image, seed uint64, position int) {
	draw := func(name string) *rng.Stream { return rng.New(seed, fmt.Sprintf("augment/%s/%d", name, position)) }
	if p.Scale != [2]float64{} {
		m.Crop(piece(draw("crop"), m.Height, m.Width, p.Scale, p.Ratio))
	}
	if p.Operations > 0 {
		m.RandAugment(draw("operations"), p.Operations, p.Magnitude)
	}
	if p.Brightness+p.Contrast+p.Saturation+p.Hue > 0 {
		p.jitter(m, draw("jitter"))
	}
}

// jitter changes brightness, contrast, saturation and hue in random order.
func (p Policy) jitter(m Image, r *rng.Stream) {
	changes := []struct {
		by    float64
		about float64
		apply func(float64)
	}{{p.Brightness, 1, m.Brightness}, {p.Contrast, 1, m.Contrast}, {p.Saturation, 1, m.Saturation}, {p.Hue, 0, m.Hue}}
	for _, i := range r.Perm(len(changes)) {
		factor := r.Uniform(changes[i].about-changes[i].by, changes[i].about+changes[i].by)
		if changes[i].by > 0 {
			changes[i].apply(factor)
		}
	}
}

// attempts is how often a rectangle is drawn until one fits.
const attempts = 10

// rectangle draws the height and width of one with a share of height x width pixels and a ratio of its edges, both in bounds.
func rectangle(r *rng.Stream, area int, scale, ratio [2]float64) (first, second int) {
	target := float64(float64(area) * r.Uniform(scale[0], scale[1]))
	aspect := r.LogUniform(ratio[0], ratio[1])
	return int(math.RoundToEven(math.Sqrt(target * aspect))), int(math.RoundToEven(math.Sqrt(target / aspect)))
}

// piece draws what RandomResizedCrop takes: if none fits, the middle, as near to the bounds of the ratio as there is.
func piece(r *rng.Stream, height, width int, scale, ratio [2]float64) (top, left, h, w int) {
	for range attempts {
		if w, h = rectangle(r, height*width, scale, ratio); w > 0 && w <= width && h > 0 && h <= height {
			return r.Intn(height - h + 1), r.Intn(width - w + 1), h, w
		}
	}
	w, h = width, height
	if in := float64(width) / float64(height); in < ratio[0] {
		h = min(height, int(math.RoundToEven(float64(w)/ratio[0])))
	} else if in > ratio[1] {
		w = min(width, int(math.RoundToEven(float64(h)*ratio[1])))
	}
	return (height - h) / 2, (width - w) / 2, h, w
}

// Erase sets a rectangle of a normalised picture x [C, H, W] to 0 with probability Erasing: timm's RandomErasing in mode const,
// 2 to 33 % of the area, its edges 0.3 to 1/0.3 to each other.
func (p Policy) Erase(x []float32, height, width int, seed uint64, position int) {
	if p.Erasing == 0 {
		return
	}
	r := rng.New(seed, fmt.Sprintf("augment/erasing/%d", position))
	if r.Float64() >= p.Erasing {
		return
	}
	for range attempts {
		h, w := rectangle(r, height*width, [2]float64{0.02, 1.0 / 3}, [2]float64{0.3, 1 / 0.3})
		if h >= height || w >= width {
			continue
		}
		top, left := r.Intn(height-h+1), r.Intn(width-w+1)
		for row := 0; row < len(x)/width; row++ {
			if y := row % height; y >= top && y < top+h {
				clear(x[row*width+left:][:w])
			}
		}
		return
	}
}
