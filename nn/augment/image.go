package augment

import "math"

// Image is a picture of bytes [Channels, Height, Width]; Channels is 1 or 3.
type Image struct {
	Channels, Height, Width int
	Pixels                  []byte
}

func (m Image) area() int { return m.Height * m.Width }

// plane is channel c.
func (m Image) plane(c int) []byte { return m.Pixels[c*m.area():][:m.area()] }

// clamped is what PyTorch makes of a float32 that becomes a uint8: cut to 0 and 255, then to the whole number below.
func clamped(v float32) byte {
	switch {
	case !(v > 0):
		return 0
	case v >= 255:
		return 255
	}
	return byte(v)
}

// blend makes each pixel ratio*pixel + (1-ratio)*other.
func (m Image) blend(ratio float64, other func(c, i int) float32) {
	self, rest := float32(ratio), float32(1-ratio)
	for c := range m.Channels {
		for i, v := range m.plane(c) {
			m.plane(c)[i] = clamped(float32(self*float32(v)) + float32(rest*other(c, i)))
		}
	}
}

// Brightness multiplies the pixels by factor.
func (m Image) Brightness(factor float64) {
	m.blend(factor, func(int, int) float32 { return 0 })
}

// luminance is the grey value of pixel i, as a byte.
func (m Image) luminance(i int) byte {
	if m.Channels == 1 {
		return m.Pixels[i]
	}
	r, g, b := float32(m.plane(0)[i]), float32(m.plane(1)[i]), float32(m.plane(2)[i])
	return byte(float32(0.2989*r) + float32(0.587*g) + float32(0.114*b))
}

// Contrast stretches the pixels about the mean grey value.
func (m Image) Contrast(factor float64) {
	sum := 0
	for i := range m.area() {
		sum += int(m.luminance(i))
	}
	mean := float32(float64(sum) / float64(m.area()))
	m.blend(factor, func(int, int) float32 { return mean })
}

// Saturation moves the colours away from grey.
func (m Image) Saturation(factor float64) {
	if m.Channels == 1 {
		return
	}
	grey := make([]byte, m.area())
	for i := range grey {
		grey[i] = m.luminance(i)
	}
	m.blend(factor, func(_, i int) float32 { return float32(grey[i]) })
}

// Sharpness moves the pixels away from their blurred neighbourhood; the border stays.
func (m Image) Sharpness(factor float64) {
	if m.Height <= 2 || m.Width <= 2 {
		return
	}
	blurred := make([]byte, len(m.Pixels))
	copy(blurred, m.Pixels)
	for c := range m.Channels {
		x, y := m.plane(c), blurred[c*m.area():]
		for row := 1; row < m.Height-1; row++ {
			for col := 1; col < m.Width-1; col++ {
				at, sum := row*m.Width+col, 0
				for d := -1; d <= 1; d++ {
					k := at + d*m.Width
					sum += int(x[k-1]) + int(x[k]) + int(x[k+1])
				}
				y[at] = byte(math.RoundToEven(float64(sum+4*int(x[at])) / 13))
			}
		}
	}
	m.blend(factor, func(c, i int) float32 { return float32(blurred[c*m.area()+i]) })
}

// lookup replaces the values of channel c.
func (m Image) lookup(c int, table *[256]byte) {
	for i, v := range m.plane(c) {
		m.plane(c)[i] = table[v]
	}
}

// Posterize keeps the upper bits, 0 to 8, of each pixel.
func (m Image) Posterize(bits int) {
	mask := byte(0xff << (8 - bits))
	for i := range m.Pixels {
		m.Pixels[i] &= mask
	}
}

// Solarize inverts the pixels from threshold on.
func (m Image) Solarize(threshold float64) {
	for i, v := range m.Pixels {
		if float64(v) >= threshold {
			m.Pixels[i] = 255 - v
		}
	}
}

// AutoContrast stretches each channel to the whole range.
func (m Image) AutoContrast() {
	for c := range m.Channels {
		lo, hi := byte(255), byte(0)
		for _, v := range m.plane(c) {
			lo, hi = min(lo, v), max(hi, v)
		}
		if lo == hi {
			continue
		}
		scale := 255 / float32(hi-lo)
		var table [256]byte
		for v := int(lo); v <= int(hi); v++ {
			table[v] = clamped(float32(float32(v-int(lo)) * scale))
		}
		m.lookup(c, &table)
	}
}

// Equalize makes the histogram of each channel flat.
func (m Image) Equalize() {
	for c := range m.Channels {
		var count [256]int
		last := 0
		for _, v := range m.plane(c) {
			count[v]++
			last = max(last, int(v))
		}
		step := (m.area() - count[last]) / 255
		if step == 0 {
			continue
		}
		var table [256]byte
		sum := 0
		for v := range table {
			if v > 0 {
				sum += count[v-1]
				table[v] = byte(min((sum+step/2)/step, 255))
			}
		}
		m.lookup(c, &table)
	}
}
